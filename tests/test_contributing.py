"""CONTRIBUTING is followed to the letter, in a copy of the project: its blocks are put where it says, its commands run.

A block belongs to the file that the paragraph above it names first. Lines with + and - change that file at the one
place where their context stands; any other code is appended to the file, or makes it. Blocks of sh are run.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
SECTIONS = re.findall(r"^## To add an? ([\w ]+)\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M)
BLOCK = re.compile(r"((?:^(?!```)\S[^\n]*\n)*)\n?^```(\w+)\n(.*?)^```$", re.S | re.M)  # paragraph, language, code
PROJECT = ("README.md", "minigrad", "models", "demos", "tests", "setup.cfg", "pyproject.toml")


def steps(text):
    """Return (language, code, file) of each block, file None for commands."""
    for paragraph, language, code in BLOCK.findall(text):
        names = re.findall(r"`((?:minigrad|models|demos|tests)/[\w/]+\.(?:py|cu))`", paragraph)
        yield language, code, None if language == "sh" else names[0]


def changed(text, diff):
    """Return text with the lines of a diff taken out and put in. ValueError unless its context stands there once."""
    lines = diff.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    places = [match.start() for match in re.finditer("^" + re.escape(before), text, re.M)]
    if len(places) != 1:
        raise ValueError(f"CONTRIBUTING: these lines are not there, or more than once:\n{before}")
    return text[: places[0]] + after + text[places[0] + len(before) :]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project in which everything has been added that CONTRIBUTING adds."""
    folder = tmp_path_factory.mktemp("project")
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "pictures"))
        else:
            shutil.copy(ROOT / name, folder / name)
    for _, text in SECTIONS:
        for language, code, file in steps(text):
            if file is None:
                continue
            path = folder / file
            if language == "diff":
                path.write_text(changed(path.read_text(), code))
            else:
                path.write_text(f"{path.read_text()}\n\n{code}" if path.exists() else code)
    return folder


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_kind_of_addition_has_a_section():
    assert [name for name, _ in SECTIONS] == ["op", "kernel", "layer", "model", "demo", "data set"]


@pytest.mark.parametrize(("name", "text"), SECTIONS, ids=[name for name, _ in SECTIONS])
def test_the_example_of_each_section_passes_its_own_commands(name, text, copy):
    commands = [line for language, code, _ in steps(text) if language == "sh" for line in code.splitlines()]
    assert commands
    for command in commands:
        words = command.split()
        assert words[:2] == [".venv/bin/python", "-m"]
        run([sys.executable, *words[1:]], copy)


def test_every_file_that_a_section_names_exists_in_the_end(copy):
    text = "".join(text for _, text in SECTIONS)
    names = re.findall(r"`([\w/]+\.(?:py|cu|md))`", text) + re.findall(r"\]\(\.\./([\w/]+\.md)\)", text)
    assert [name for name in names if not (copy / name).exists()] == []


def test_the_data_set_is_listed_by_the_demo(copy):
    assert "stripes" in run([sys.executable, "-m", "demos", "prototypes", "--help"], copy)


def test_what_is_added_is_in_the_house_style(copy):
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], copy)
    run([sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "."], copy)


def test_a_change_whose_context_is_missing_or_ambiguous_is_an_error():
    assert changed("a\nb\nc\n", " a\n-b\n+d\n") == "a\nd\nc\n"
    for text in ("b\na\n", "a\nb\na\nb\n"):
        with pytest.raises(ValueError, match="not there, or more than once"):
            changed(text, " a\n-b\n+d\n")
