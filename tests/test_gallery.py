"""The gallery's page, without a browser: what stands on it, what is escaped, and what is left out."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from demos.command_line import DEMOS, main
from demos.gallery.captions import CAPTIONS
from demos.gallery.formulas import FORMULAS
from demos.gallery.lectures import Section, lectures
from demos.gallery.mathml import mathml
from demos.gallery.widgets import embedded


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


def test_every_section_is_of_a_demo_and_every_model_of_a_slide_has_a_formula():
    sections = [part for lecture in lectures() for part in lecture.parts if isinstance(part, Section)]
    assert len(sections) > 30 and {section.demo for section in sections} <= set(DEMOS)
    assert {model for section in sections for model in section.models} <= FORMULAS.keys()


@pytest.mark.parametrize("formula", [f for formulas in FORMULAS.values() for f in formulas])
def test_every_formula_is_well_formed(formula):
    ET.fromstring(mathml(formula))


@pytest.mark.parametrize("formula", ["x_", "{x", "x}", r"\frac{a}", r"\unknown", "x_1_2"])
def test_a_formula_that_makes_no_sense_is_refused(formula):
    with pytest.raises(ValueError, match="the formula"):
        mathml(formula)


def test_every_picture_of_the_lectures_map_is_described_in_words():
    for lecture in lectures():
        for section in lecture.parts:
            if isinstance(section, Section):
                described = CAPTIONS[section.demo]
                assert {slide.picture for slide in section.slides} - {""} <= described.keys()


HOSTILE = "<img src=x onerror=alert(1)>\"'{{ 7 * 7 }}</script>"


def test_names_of_files_and_whatever_a_run_says_are_shown_as_text(tmp_path):
    name = HOSTILE.replace("/", "")
    metrics = {HOSTILE: {"value": 1, HOSTILE: 2}}
    run_folder(tmp_path, HOSTILE, [name], folder=name, command=HOSTILE, settings={HOSTILE: HOSTILE}, metrics=metrics)
    run_folder(tmp_path, "vae", ["codes", name], command=HOSTILE, metrics=metrics)
    text = page(tmp_path)
    assert "<img src=x" not in text and "{{ 7 * 7 }}" in text  # as it is, not as 49
    assert text.count("&lt;img src=x onerror=alert(1)&gt;") >= 6
    assert all(re.fullmatch("[0-9a-f]{16}", path.stem) for path in (tmp_path / "gallery" / "pictures").iterdir())


def record(metrics):
    return '{"demo": "vae", "settings": {}, "metrics": ' + metrics + "}"


NO_METRICS = [record(x) for x in ("[]", '{"a": 1}', '{"a": {"value": "1"}}', '{"a": {"b": 1}}')]
NO_RECORDS = ["", "[]", '{"demo": "vae"}', "[" * 100_000, "\udcff", " " * 2_000_000, record("{}").replace('"vae"', "1")]


@pytest.mark.parametrize("content", NO_METRICS + NO_RECORDS)
def test_a_metrics_json_that_no_demo_wrote_is_left_out_and_named(content, tmp_path, capsys):
    folder = tmp_path / "vae"
    folder.mkdir()
    (folder / "metrics.json").write_bytes(content.encode(errors="surrogateescape"))
    run_folder(tmp_path, "faces")
    assert "<code>python -m demos faces</code>" in page(tmp_path)
    assert f"{folder / 'metrics.json'} is left out: " in capsys.readouterr().out


def test_a_number_that_is_not_finite_and_one_that_is_negative_are_written_out(tmp_path):
    metrics = {"a": {"value": None, "beside": -0.5}}
    run_folder(tmp_path, "vae", metrics=metrics)
    text = page(tmp_path)
    assert ">not finite<" in text and "<b>\N{MINUS SIGN}0.5</b>" in text


def test_a_picture_that_is_none_is_left_out_and_named(tmp_path, capsys):
    folder = run_folder(tmp_path, "vae", ["manifold"])
    (folder / "codes.png").write_bytes(b"GIF89a no picture")
    assert page(tmp_path).count("<img ") >= 1
    assert f"{folder / 'codes.png'} is left out: " in capsys.readouterr().out


def test_pictures_that_are_no_longer_shown_are_deleted_and_the_others_made_once(tmp_path):
    folder = run_folder(tmp_path, "vae", ["codes"])
    page(tmp_path)
    (made,) = (tmp_path / "gallery" / "pictures").iterdir()
    before = made.stat().st_mtime_ns
    page(tmp_path)
    assert made.stat().st_mtime_ns == before
    (folder / "codes.png").unlink()
    page(tmp_path)
    assert not list((tmp_path / "gallery" / "pictures").iterdir())


def test_a_variant_of_a_demo_is_found_by_its_settings_and_shown_on_the_slide_that_asks_for_it(tmp_path):
    run_folder(tmp_path, "deforming_faces", ["landmarks"])
    run_folder(tmp_path, "deforming_faces", folder="palms", settings={"data": "palms"}, command="made palms")
    text = page(tmp_path)
    assert "<code>made palms</code>" in text and "Other runs" not in text
    assert "<code>python -m demos deforming --data mnist --out out/deforming-mnist</code>" in text  # not run


def test_a_run_of_no_slide_stands_at_the_end(tmp_path):
    run_folder(tmp_path, "benchmark")
    assert "Other runs" in page(tmp_path)


def test_data_in_a_script_cannot_end_it():
    assert str(embedded({"a": "</script><!--"})) == r'{"a":"\u003c/script>\u003c!--"}'
