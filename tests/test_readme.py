"""The pages say what is so: their code runs, their commands parse, and their files, links, names and pictures exist.

CONTRIBUTING has a test of its own, which follows it: test_contributing.py.
"""

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad as mg
from demos import command_line
from minigrad import nn, optim, schedules

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("demos/*/README.md"), *ROOT.glob(".github/*.md")]
)
README, TESTS = ROOT / "README.md", ROOT / "tests" / "README.md"
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


# ---- code blocks -----------------------------------------------------------------------------------------------------


def blocks(page):
    """Return the language and the text of every fenced block of a page."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M)


def prose(page):
    """Return a page without its blocks, and without what need not be there.

    That is, CONTRIBUTING without its worked examples, which test_contributing.py follows, and the list of changes
    without the names of older versions, the first column of its table.
    """
    text = page.read_text()
    if page.name == "CONTRIBUTING.md":
        text = text.partition("\n## To add ")[0]
    if page.name == "CHANGELOG.md":
        text = re.sub(r"^\|.*?\|", "|", text, flags=re.M)
    return re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)


def test_the_example_prints_what_the_readme_says():
    code, printed = re.search(r"```python\n(.*?)```\n.*?```text\n(.*?)```", README.read_text(), re.S).groups()
    assert run(code) == printed


def test_the_op_and_the_case_of_the_readmes_pass_their_checks():
    op, case = (code for page in (README, TESTS) for language, code in blocks(page) if language == "py")
    head = "import numpy as np\nimport minigrad as mg\nfrom tests.cases import CASES, case, real\n"
    run(f"{head}{op}{case}assert CASES[-1].name == 'cube'\nmg.gradcheck(CASES[-1].f, CASES[-1].inputs, order=3)")


@each_page
def test_a_block_is_a_command_or_code_that_a_test_runs(page):
    tested = {README: {"sh", "python", "text", "py"}, TESTS: {"sh", "py"}}
    tested[ROOT / ".github" / "CONTRIBUTING.md"] = {"sh", "py", "cuda", "diff"}
    assert {language for language, _ in blocks(page)} <= tested.get(page, {"sh"})


# ---- commands --------------------------------------------------------------------------------------------------------


def commands(page):
    """Return every command of a page, in blocks of sh and between backticks, as a list of words."""
    lines = []
    for language, text in blocks(page):
        if language == "sh" and page.name != "CONTRIBUTING.md":
            lines += re.split(r"&&|\n", re.sub(r"(&&|\\)\n", r"\1", text))
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]
    lines += [span for span in spans if re.match(r"(\S*python3? -m |\S*pip |pytest |\S*ruff |\S*mypy)", span)]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def check_demo(words, monkeypatch, folder):
    """Let the command line of the demos read the words, and stop before the demo begins."""
    if not words or words[0] == "NAME":
        assert words in ([], ["NAME"], ["NAME", "--help"], ["NAME", "--resume"])
        return
    name = words[0]
    assert name in command_line.DEMOS + command_line.OVER_ALL
    words = [word for word in words if word != "--help"]
    monkeypatch.setattr(f"demos.{name}.main", lambda args: None)
    assert command_line.main([*words, "--out", str(folder / name)]) == 0


def check_pytest(words):
    """Check markers against setup.cfg, files against the folder, and options against conftest.py and pytest's own."""
    markers = re.findall(r"^(\w+):", SETUP["tool:pytest"]["markers"], re.M)
    own = (ROOT / "tests" / "conftest.py").read_text()
    words = iter(words)
    for word in words:
        if word == "-m":
            assert set(re.findall(r"\w+", next(words))) - {"and", "not"} <= set(markers)
        elif word.startswith("--"):
            assert word == "--dist" or f'"{word.split("=")[0]}"' in own
            next(words)
        elif word in ("-k", "-n"):
            next(words)
        elif not word.startswith("-"):
            assert (ROOT / word).exists()
        else:
            assert word in ("-q", "-s", "-x")


def check_install(words):
    """Check that the extras of `pip install -e ".[a,b]"` are declared."""
    extras = [extra for word in words if word.startswith(".[") for extra in word[2:-1].split(",")]
    assert extras and set(extras) <= set(SETUP["options.extras_require"])


@each_page
def test_every_command_on_a_page_is_understood_by_the_program_it_calls(page, monkeypatch, tmp_path):
    for words in commands(page):
        if words[0].endswith("mpiexec"):  # -n 2 .venv/bin/python ..
            words = words[3:]
        program = words[0].removeprefix(".venv/bin/")
        module = words[2] if program in ("python", "python3") and words[1] == "-m" else program
        arguments = words[3:] if module != program else words[1:]
        if module == "demos":
            check_demo(arguments, monkeypatch, tmp_path)
        elif module == "pytest":
            check_pytest(arguments)
        elif module == "pip":
            check_install(arguments)
        else:
            assert module in ("venv", "ruff", "mypy", "demos.benchmark.mapped"), words


@pytest.mark.parametrize(
    "words", [["autoencoder", "--modle", "conv"], ["autoencoder", "--model", "convex"], ["autoencode"]]
)
def test_a_misprinted_command_is_noticed(words, monkeypatch, tmp_path, capsys):
    with pytest.raises((SystemExit, AssertionError)):
        check_demo(words, monkeypatch, tmp_path)


def test_the_continuous_integration_runs_the_commands_of_the_readme_and_of_the_slow_one_the_short_part():
    ci = (ROOT / ".ci" / "run").read_text()
    front = README.read_text()
    both = ".venv/bin/python -m pytest -n 2 --dist worksteal\n"
    assert both in ci and both in front
    assert '.venv/bin/python -m pytest -m "quality and not long"\n' in ci
    assert ".venv/bin/python -m pytest -m quality\n" in front
    assert ".venv/bin/python -m pytest -m faults\n" in ci
    assert ".venv/bin/python -m pytest -m faults" in TESTS.read_text()


# ---- files, links and names ------------------------------------------------------------------------------------------


def slug(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@each_page
def test_every_file_and_link_of_a_page_exists(page):
    text = prose(page)
    named = re.findall(r"`([\w/.]+\.(?:py|cfg|cu|cuh|h|txt|toml))`", text)
    linked = re.findall(r"\]\((?!https?:)([^)]*)\)", text)
    places = (ROOT, page.parent, ROOT / "tests")  # a name is seen from the project, from its own folder, or is a test's
    missing = [name for name in named if not any((place / name).exists() for place in places)]
    for path, _, anchor in (link.partition("#") for link in linked):
        target = page.parent / path if path else page
        if not target.exists():
            missing.append(path)
        elif anchor and anchor not in map(slug, re.findall(r"^#+ (.*)$", target.read_text(), re.M)):
            missing.append(f"{path}#{anchor}")
    assert not missing


@each_page
def test_every_qualified_name_on_a_page_exists(page):
    modules = {"mg": mg, "nn": nn, "optim": optim, "schedules": schedules}
    code = " ".join(re.findall(r"`[^`]+`", prose(page)))
    called = re.findall(r"\b(mg|nn|optim|schedules)\.(?!py\b)(\w+)", code)
    assert [f"{module}.{name}" for module, name in called if not hasattr(modules[module], name)] == []


@each_page
def test_every_environment_variable_on_a_page_is_read_somewhere(page):
    code = "".join(
        path.read_text() for folder in ("minigrad", "demos", "tests") for path in (ROOT / folder).rglob("*.py")
    )
    assert [name for name in re.findall(r"MINIGRAD_\w+", page.read_text()) if f'"{name}"' not in code] == []


def test_the_reading_order_of_the_engine_leaves_no_file_out():
    engine = ROOT / "minigrad"
    text = (engine / "README.md").read_text()
    files = [path for path in [*engine.rglob("*.py"), *engine.rglob("*.cu")] if path.name != "__init__.py"]
    names = {path.relative_to(engine).as_posix() for path in files}
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_the_changes_begin_with_the_version_that_is_here():
    newest = re.search(r"^## (.*)$", (ROOT / ".github" / "CHANGELOG.md").read_text(), re.M)
    assert newest.group(1) == mg.__version__


# ---- models, demos and pictures --------------------------------------------------------------------------------------

MAP = (ROOT / "models" / "README.md").read_text()


def test_every_model_and_every_demo_has_one_row_in_the_table_of_its_page():
    models = {path.name for path in (ROOT / "models").glob("*.py")} - {"__init__.py"}
    table = MAP.partition("\n## The model files")[2].partition("\n## ")[0]
    assert sorted(re.findall(r"^\| \[`(\w+\.py)`\]", table, re.M)) == sorted(models)
    table = (ROOT / "demos" / "README.md").read_text().partition("\n| demo |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert sorted(rows) == sorted(command_line.DEMOS)


def test_every_slide_has_a_row_in_the_order_of_its_lecture():
    lectures = re.split(r"^## 00\d ", MAP, flags=re.M)[1:]
    numbers = [re.findall(r"^\| (\d+)([a-d]?) \|", lecture, re.M) for lecture in lectures]
    assert [int(rows[-1][0]) for rows in numbers] == [11, 13, 13, 10, 8]
    for rows in numbers:
        assert rows == sorted(rows, key=lambda row: (int(row[0]), row[1]))
        assert {int(n) for n, _ in rows} == set(range(1, int(rows[-1][0]) + 1))


def test_every_slide_is_explained_or_planned_or_has_a_model_a_command_and_a_picture():
    for row in re.findall(r"^\| \d+[a-d]? \| .*$", MAP, re.M):
        model, command, picture = (cell.strip() for cell in re.split(r"(?<!\\)\|", row)[3:6])
        if model in ("", "to come"):
            assert (command, picture) == ("", "")
            continue
        (name,) = re.findall(r"^`python -m demos (\w+)[^`]*`$", command)
        assert re.fullmatch(rf"`out/{name}/[\w-]+\.png`|\[`{name}\.png`\]\(\.\./demos/pictures/{name}\.png\)", picture)


def test_every_picture_in_the_repository_is_shown():
    shown = {name for page in PAGES for name in re.findall(r"pictures/(\w+\.png)", page.read_text())}
    assert {path.name for path in (ROOT / "demos" / "pictures").iterdir()} == shown
