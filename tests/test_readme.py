"""The READMEs say what is so: their code runs, their files and links exist, their commands are those that CI runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("demos/*/README.md"), *ROOT.glob(".github/*.md")]
)


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_example_prints_what_the_readme_says():
    code, printed = re.search(r"```python\n(.*?)```\n.*?```text\n(.*?)```", README, re.S).groups()
    assert run(code) == printed


def test_the_op_of_the_readme_passes_its_check():
    (code,) = re.findall(r"```py\n(.*?)```", README, re.S)
    run("import numpy as np\nimport minigrad as mg\n" + code)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_file_and_link_of_a_page_exists(page):
    text = page.read_text()
    named = re.findall(r"`([\w/.]+\.(?:py|cfg|cu|cuh|h|txt))`", text)
    linked = [link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)]*)\)", text)]
    places = (ROOT, page.parent, ROOT / "tests")  # a name is seen from the project, from its own folder, or is a test's
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    missing += [link for link in linked if link and not (page.parent / link).exists()]
    assert not missing


def test_the_reading_order_of_the_engine_leaves_no_file_out():
    engine = ROOT / "minigrad"
    text = (engine / "README.md").read_text()
    files = [path for path in [*engine.rglob("*.py"), *engine.rglob("*.cu")] if path.name != "__init__.py"]
    names = {path.relative_to(engine).as_posix() for path in files}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_every_demo_that_a_page_names_exists():
    commands = re.findall(r"-m demos (\w+)", "".join(page.read_text() for page in PAGES))
    assert len(commands) > 3
    assert {name for name in commands if not (ROOT / "demos" / f"{name}.py").exists()} <= {"NAME", "benchmark"}


def test_the_continuous_integration_runs_the_commands_of_the_readme_and_of_the_slow_one_the_short_part():
    ci = (ROOT / ".ci" / "run").read_text()
    assert ".venv/bin/python -m pytest\n" in ci and ".venv/bin/python -m pytest\n" in README
    assert '.venv/bin/python -m pytest -m "quality and not long"\n' in ci
    assert ".venv/bin/python -m pytest -m quality\n" in README
    assert ".venv/bin/python -m pytest -m faults\n" in ci
    assert ".venv/bin/python -m pytest -m faults" in (ROOT / "tests" / "README.md").read_text()
