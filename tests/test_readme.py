"""The README says what is so."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_prints_what_the_readme_says():
    code, printed = re.search(r"```python\n(.*?)```\n.*?```text\n(.*?)```", README, re.S).groups()
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == printed


def test_every_file_that_the_readme_names_exists():
    names = re.findall(r"`([\w/]+\.(?:py|cfg|cu))`|\]\(([\w/.]+)\)", README)
    paths = [ROOT / (a or b) for a, b in names]
    assert len(paths) > 10
    assert [str(path) for path in paths if not path.exists()] == []


def test_the_reading_order_leaves_no_file_out():
    files = [*ROOT.glob("minigrad/**/*.py"), *ROOT.glob("minigrad/**/*.cu"), *ROOT.glob("models/*.py")]
    names = {path.relative_to(ROOT).as_posix() for path in files if path.name != "__init__.py"}
    assert sorted(name for name in names if f"`{name}`" not in README) == []


def test_the_continuous_integration_runs_the_commands_of_the_readme_and_of_the_slow_one_the_short_part():
    ci = (ROOT / ".ci" / "run").read_text()
    assert ".venv/bin/python -m pytest\n" in ci and ".venv/bin/python -m pytest\n" in README
    assert '.venv/bin/python -m pytest -m "quality and not long"\n' in ci
    assert ".venv/bin/python -m pytest -m quality\n" in README
    assert ".venv/bin/python -m pytest -m faults\n" in ci and "`.venv/bin/python -m pytest -m faults`" in README
