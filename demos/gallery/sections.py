"""What the page shows of each system: its slides with their pictures, its numbers, commands, files and formulas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from demos.gallery.captions import CAPTIONS
from demos.gallery.formulas import FORMULAS
from demos.gallery.lectures import ROOT, Section, Slide, command_of, folder_of, title
from demos.gallery.mathml import mathml
from demos.gallery.pictures import Pictures, Shown
from demos.gallery.runs import Run

HOMES = {"vae": "vae-001"}  # where a system is the subject, if that is not where a lecture first comes to it


@dataclass
class SlideView:
    """A slide's number and words, and its picture where that is there and not shown above."""

    number: str
    text: str
    picture: Shown | None


@dataclass
class RunView:
    """A command, and what its run measured and drew besides; no run if there has been none."""

    command: str
    run: Run | None
    pictures: list[Shown]


@dataclass
class SectionView:
    """All that a template shows of a system. home: the section that its numbers and moving parts stand in."""

    id: str
    demo: str
    title: str
    about: str
    home: str
    slides: list[SlideView]
    runs: list[RunView]
    models: list[tuple[str, str]]  # the name of a file of the project, and the address of its copy
    formulas: list[Markup]

    @property
    def ran(self) -> bool:
        return any(view.run for view in self.runs)


class Sections:
    """Makes the views of sections from the runs. `refused` collects a line about each picture that is none."""

    def __init__(self, runs: list[Run], pictures: Pictures, models: Path):
        self.runs, self.pictures, self.models = runs, pictures, models
        self.refused: list[str] = []
        self.homes: dict[str, str] = {}  # by demo
        self.used: set[Path] = set()  # folders of runs

    def view(self, section: Section, lecture: str) -> SectionView:
        name, about = title(section.demo)
        id = f"{section.demo}-{lecture}"
        home = self.homes.setdefault(section.demo, HOMES.get(section.demo, id))
        chosen = [(slide, self.run_of(slide)) for slide in section.slides]
        shown: set[Path] = set()
        slides = [self.slide(slide, run, shown) for slide, run in chosen]
        return SectionView(
            id=id,
            demo=section.demo,
            title=name,
            about=about,
            home=home,
            slides=slides,
            runs=self.run_views(chosen, shown, at_home=id == home),
            models=[(model, self.copy(model)) for model in section.models],
            formulas=[Markup(mathml(f)) for model in section.models for f in FORMULAS.get(model, ())],
        )

    def others(self) -> list[RunView]:
        """View the runs that belong to no slide: of other settings, or of the benchmark."""
        return [
            RunView(run.command, run, self.all_pictures(run, set())) for run in self.runs if run.folder not in self.used
        ]

    def run_of(self, slide: Slide) -> Run | None:
        """Find the run of a slide's command, rather in the folder of that name; else any run of the demo there."""
        own = [run for run in self.runs if run.fits(slide.command)]
        own.sort(key=lambda run: run.folder.name != folder_of(slide.command))
        plain = [run for run in self.runs if run.fits(slide.command[:1]) and run.folder.name == slide.command[0]]
        return next(iter(own + plain), None)

    def slide(self, slide: Slide, run: Run | None, shown: set[Path]) -> SlideView:
        """View a slide. shown: the pictures of the section so far, to which its own is added."""
        path = None
        if run is not None:
            path = run.pictures.get(slide.picture or next(iter(CAPTIONS.get(run.demo, {})), ""))
        picture = None if path is None or path in shown else self.picture(run, path)
        if picture:
            shown.add(path)
        return SlideView(slide.number, slide.text, picture)

    def run_views(self, chosen: list[tuple[Slide, Run | None]], shown: set[Path], at_home: bool) -> list[RunView]:
        """View each run of a section once, and each command that is still to be run."""
        views: dict[str, RunView] = {}
        for slide, run in chosen:
            if run is not None and run.command not in views:
                self.used.add(run.folder)
                more = self.all_pictures(run, shown) if at_home else []
                views[run.command] = RunView(run.command, run, more)
            if run is None or not run.fits(slide.command):
                command = command_of(slide.command)
                views.setdefault(command, RunView(command, None, []))
        return list(views.values())

    def all_pictures(self, run: Run, but: set[Path]) -> list[Shown]:
        views = [self.picture(run, path) for path in run.pictures.values() if path not in but]
        return [view for view in views if view]

    def picture(self, run: Run, path: Path) -> Shown | None:
        words = CAPTIONS.get(run.demo, {}).get(path.stem)
        try:
            return self.pictures.add(path, words or f"{run.demo}: {path.stem.replace('_', ' ')}")
        except (OSError, ValueError) as error:
            self.refused.append(f"{path} is left out: {error}")
            return None

    def copy(self, model: str) -> str:
        """Copy a file of the project beside the page, as text that every browser shows -> its address there."""
        place = self.models / f"{Path(model).name}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((ROOT / model).read_bytes())
        return f"{self.models.name}/{place.name}"
