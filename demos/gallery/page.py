"""The page: what has been run, put into the order of the lectures and written as one HTML file beside its pictures."""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from demos.files import written_whole
from demos.gallery.lectures import Section, lectures
from demos.gallery.pictures import Pictures
from demos.gallery.runs import runs
from demos.gallery.sections import Sections, SectionView
from demos.gallery.widgets import shared, widgets

HERE = Path(__file__).parent


def build(out: Path) -> Path:
    """Make out/gallery/index.html from the folders in out -> its path. What cannot be read is told in a line each."""
    folder = out / "gallery"
    found, refused = runs(out)
    moving, unmoved = widgets(out)
    pictures = Pictures(folder / "pictures")
    sections = Sections(found, pictures, folder / "models")
    content = [
        (lecture, [sections.view(p, lecture.number) if isinstance(p, Section) else p for p in lecture.parts])
        for lecture in lectures()
    ]
    html = render(
        content=content,
        others=sections.others(),
        systems={part.demo: part for _, parts in content for part in parts if isinstance(part, SectionView)},
        widgets=moving,
    )
    for line in [*refused, *sections.refused, *unmoved]:
        print(line)
    with written_whole(folder / "index.html") as aside:
        aside.write_text(html, encoding="utf-8")
    pictures.sweep()
    return folder / "index.html"


def render(**content) -> str:
    """Fill the template. Nothing but our own scripts and style may act on the page: their hashes are its policy."""
    scripts = [*shared(), *(widget.script for widget in content["widgets"])]
    style = "\n".join((HERE / path).read_text(encoding="utf-8") for path in ("style.css", "alive/alive.css"))
    policy = (
        "default-src 'none'; img-src file: 'self' data: blob:; base-uri 'none'; form-action 'none'; "
        f"script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)}"
    )
    return _template().render(**content, scripts=map(Markup, scripts), style=Markup(style), policy=policy)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("demos.gallery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": _figure, "words": lambda name: name.replace("_", " ")}
    return environment.get_template("index.html")


def _figure(x: float | None) -> str:
    """Write a number with four digits, or say that it is none."""
    if x is None or not math.isfinite(x):
        return "not finite"
    text = f"{x:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")
