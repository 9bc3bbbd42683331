"""The parts of the gallery that move: each a script in this folder and a function that writes its data.

NAME.js is a plain script that registers one function with the page:

    alive.register("NAME", function (element, data) {...})

The page holds <div class="alive" data-widget="NAME"></div> in the section of the widget's system. When it is loaded, it
calls the function with this element, which is the script's to fill, and the data, once. What the function throws is
shown in place of the widget, and told on the console.

The scripts in SHARED come first: alive.js has the register, arrays and pictures; controls.js sliders and buttons;
layers.js what the layers of networks compute; expression.js and arrange.js the language of the gradient's expressions
and the drawing of their graphs. pack.py and networks.py write the data as these read them.

ALIVE says for each NAME where it stands, where its data come from, and its title:

    NAME: (system, write, title)

system: the name of a demo, or "" for the page's introduction. write(folder): the data of the widget, anything that
json.dumps takes (arrays as base64 of their bytes, say), read from the folder of that system's results, out/SYSTEM;
None if what it needs is not there, and then the page leaves the widget out. Data stand in the page itself, since a page
that was opened from the disk may fetch nothing. They should be small: the whole gallery has 15 MB.

Scripts run under a content security policy: no eval, no requests, no HTML attributes such as onclick or style; set
element.style.width = ".." and call addEventListener instead. Colours come from the custom properties of style.css
(--ink, --paper, --faint, --line, --accent), which know the light and the dark.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from demos.gallery.alive import deforming, digits, faces, style

Write = Callable[[Path], Any]

SHARED = ("alive", "controls", "layers", "expression", "arrange")


def nothing(folder: Path) -> dict[str, Any]:
    """The data of a widget that needs none."""
    return {}


ALIVE: dict[str, tuple[str, Write, str]] = {
    "gradient": ("", nothing, "What the engine does: values flow forward through an expression, gradients backward"),
    "convolution": ("convolution", nothing, "A window moves over the input, and a row of the matrix lights up"),
    "vae_plane": (
        "vae",
        digits.plane,
        "Move over the codes: the autoencoder's have holes, the VAE's are N(0, I)",
    ),
    "vae_code": ("vae", digits.code, "A code of five numbers: moved, drawn from noise, interpolated"),
    "deforming": ("deforming", deforming.deforming, "The texture of one image under the deformation of another"),
    "faces": ("faces", faces.faces, "Faces, attribute by attribute"),
    "style": ("style_transfer", style.style, "A photograph becomes a painting"),
}
