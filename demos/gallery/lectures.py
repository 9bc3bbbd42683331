"""The lectures' map, models/README.md, as data: lecture by lecture its systems, in the order of the slides.

The map is the only place that says what a slide shows, by which model and which command; the gallery follows it.
"""

from __future__ import annotations

import ast
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
MAP = ROOT / "models" / "README.md"
ROW = re.compile(r"^\| (\d+[a-d]?) \| (.*) \|$")


@dataclass
class Slide:
    """A row of the map. command: words after `python -m demos`; picture: a file name without .png, "" for the best."""

    number: str
    text: str
    models: list[str]
    command: list[str]
    picture: str


@dataclass
class Section:
    """What a lecture says about one system: its demo, and the slides that the demo belongs to."""

    demo: str
    slides: list[Slide]

    @property
    def models(self) -> list[str]:
        return list(dict.fromkeys(model for slide in self.slides for model in slide.models))


@dataclass
class Lecture:
    """parts, in the order of the slides: sections, and slides that are only told."""

    number: str
    title: str
    by: str
    parts: list[Section | Slide] = field(default_factory=list)


def lectures() -> list[Lecture]:
    """Read the map."""
    found = []
    for text in re.split(r"^## (?=00\d )", MAP.read_text(encoding="utf-8"), flags=re.M)[1:]:
        heading, by, *_ = (line for line in text.splitlines() if line)
        lecture = Lecture(*heading.split(" ", 1), by)
        for line in text.splitlines():
            if row := ROW.match(line):
                _add(lecture, _slide(*row.groups()))
        found.append(lecture)
    return found


def title(demo: str) -> tuple[str, str]:
    """Return what the first line of a demo's docstring says before its colon, and after it."""
    path = ROOT / "demos" / demo
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or demo
    name, _, about = doc.splitlines()[0].partition(": ")
    return name, about


def folder_of(words: list[str]) -> str:
    """Name the folder for the results of a command, NAME [--OPTION VALUE ..], so that each has its own."""
    return "-".join([words[0], *words[2::2]])


def command_of(words: list[str]) -> str:
    """Write a command out, with a folder of its own if it has options."""
    own = ["--out", f"out/{folder_of(words)}"] if len(words) > 1 else []
    return shlex.join(["python", "-m", "demos", *words, *own])


def _slide(number: str, cells: str) -> Slide:
    text, model, command, picture = (cell.strip() for cell in re.split(r"(?<!\\)\|", cells))
    places = re.findall(r"\]\(([^)]*)\)", model)
    models = [place.removeprefix("../") if place.startswith("../") else f"models/{place}" for place in places]
    words = shlex.split(command.strip("`"))[3:]
    drawn = re.search(r"out/\w+/([\w-]+)\.png", picture)
    return Slide(number, text.replace(r"\|", "|"), models, words, drawn[1] if drawn else "")


def _add(lecture: Lecture, slide: Slide) -> None:
    """Put a slide into the section of its demo, which stands where the lecture first comes to it."""
    if not slide.command:
        lecture.parts.append(slide)
        return
    for part in lecture.parts:
        if isinstance(part, Section) and part.demo == slide.command[0]:
            part.slides.append(slide)
            return
    lecture.parts.append(Section(slide.command[0], [slide]))
