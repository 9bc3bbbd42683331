"""The moving parts of the page: which of them have their data, and what the page has to hold for each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from demos.gallery.alive import ALIVE, SHARED

SCRIPTS = Path(__file__).parent / "alive"


@dataclass
class Widget:
    """name and title, the system whose section it stands in ("": the introduction), its data as JSON, its script."""

    name: str
    system: str
    title: str
    data: Markup
    script: str


def widgets(out: Path) -> tuple[list[Widget], list[str]]:
    """Make every widget whose data are there -> (widgets, a line about each whose data cannot be read)."""
    made, refused = [], []
    for name, (system, write, title) in ALIVE.items():
        try:
            data = write(out / system)
        except (OSError, ValueError) as error:
            refused.append(f"the widget {name} is left out: {error}")
            continue
        if data is not None:
            made.append(Widget(name, system, title, embedded(data), _script(name)))
    return made, refused


def shared() -> list[str]:
    """Read the scripts that come before those of the widgets."""
    return [_script(name) for name in SHARED]


def _script(name: str) -> str:
    return (SCRIPTS / f"{name}.js").read_text(encoding="utf-8")


def embedded(data: object) -> Markup:
    """Write data as JSON that can stand in a <script>, whatever its strings: none of them can end it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", r"\u003c"))
