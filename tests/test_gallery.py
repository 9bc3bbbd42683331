"""The gallery's page, without a browser: what stands on it, what is escaped, and what is left out."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from demos.command_line import DEMOS, main
from demos.gallery.formulas import FORMULAS
from demos.gallery.lectures import Section, lectures
from demos.gallery.mathml import mathml


def run_folder(out, demo, pictures=(), **record):
    """Write what a demo leaves behind: metrics.json and pictures."""
    folder = out / record.pop("folder", demo)
    folder.mkdir(parents=True)
    content = {"demo": demo, "settings": {"seed": 0}, "metrics": {"test MSE": {"value": 0.0125, "PCA": 0.05}}} | record
    (folder / "metrics.json").write_text(json.dumps(content))
    for name in pictures:
        Image.fromarray(np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)).save(folder / f"{name}.png")
    return folder


def page(out):
    assert main(["gallery", "--out", str(out)]) == 0
    return (out / "gallery" / "index.html").read_text()


def test_a_run_stands_on_the_page_with_its_picture_numbers_command_model_and_formula(tmp_path):
    run_folder(tmp_path, "vae", ["codes", "manifold"], command="python -m demos vae --quick")
    text = page(tmp_path)
    assert "<b>0.05</b>" in text and ">0.0125<" in text and "<code>python -m demos vae --quick</code>" in text
    assert "a quick run" in text
    assert (tmp_path / "gallery" / "models" / "vae.py.txt").exists() and 'href="models/vae.py.txt"' in text
    assert len(list((tmp_path / "gallery" / "pictures").glob("*.webp"))) == 1  # the two are one


def test_what_has_not_been_run_shows_its_command(tmp_path):
    text = page(tmp_path)
    for lecture in lectures():
        for part in lecture.parts:
            if isinstance(part, Section):
                assert f"<code>python -m demos {part.demo}" in text


def test_every_demo_but_the_benchmark_belongs_to_a_lecture_and_every_model_of_a_slide_has_a_formula():
    sections = [part for lecture in lectures() for part in lecture.parts if isinstance(part, Section)]
    assert {section.demo for section in sections} == set(DEMOS) - {"benchmark"}
    assert {model for section in sections for model in section.models} <= FORMULAS.keys()


@pytest.mark.parametrize("formula", [f for formulas in FORMULAS.values() for f in formulas])
def test_every_formula_is_well_formed(formula):
    ET.fromstring(mathml(formula))


@pytest.mark.parametrize("formula", ["x_", "{x", "x}", r"\frac{a}", r"\unknown", "x_1_2"])
def test_a_formula_that_makes_no_sense_is_refused(formula):
    with pytest.raises(ValueError, match="the formula"):
        mathml(formula)
