"""The gallery in a real browser: nothing leaves the page or sticks out of it, and the keyboard reaches all of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.command_line import main
from demos.gallery.captions import CAPTIONS
from demos.gallery.lectures import Section, lectures

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='spoilt'\">"
WIDTHS = (360, 400, 768, 1100, 1600)


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    """A gallery in which all systems but one seem to have been run, with long names, and one run has hostile names."""
    out, rng = tmp_path_factory.mktemp("out"), np.random.default_rng(0)
    sections = [part for lecture in lectures() for part in lecture.parts if isinstance(part, Section)]
    metrics = {f"a figure with a rather long name, number {i}": {"value": 1 / 7**i, "PCA": 0.5} for i in range(9)}
    for demo in {section.demo for section in sections} - {"siamese"}:
        write(out / demo, demo, metrics)
        for name in CAPTIONS[demo]:
            Image.fromarray(rng.integers(0, 255, (60, 900, 3), np.uint8)).save(out / demo / f"{name}.png")
    write(out / HOSTILE.replace("/", ""), HOSTILE, {HOSTILE: {"value": 1.0, HOSTILE: 2.0}})
    Image.new("RGB", (20, 20)).save(out / HOSTILE / f"{HOSTILE}.png")
    assert main(["gallery", "--out", str(out)]) == 0
    return out / "gallery"


def write(folder, demo, metrics):
    folder.mkdir()
    record = {"demo": demo, "settings": {}, "command": f"python -m demos {demo}", "metrics": metrics}
    (folder / "metrics.json").write_text(json.dumps(record))


@pytest.fixture
def open_gallery(browser, gallery):
    """open_gallery(width=1100, **context options) -> a page that asks for its own files and reports no error."""
    said, asked, contexts = [], [], []

    def open_gallery(width=1100, **options):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((gallery / "index.html").as_uri())
        return page

    yield open_gallery
    for context in contexts:
        context.close()
    assert not said
    assert all(url.startswith((gallery.as_uri(), "data:", "blob:")) for url in asked)


def show_all(page):
    """Open whatever can be opened, and load every picture."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    page.evaluate("Promise.allSettled([...document.images].map(i => i.decode()))")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_opens_from_the_disk_and_nothing_sticks_out_of_it(open_gallery, width):
    page = open_gallery(width)
    show_all(page)
    assert page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)") == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    outside = """width => [...document.querySelectorAll("main *, nav *")].filter(e => {
        const box = e.getBoundingClientRect();
        return (box.right > width + 1 || box.left < -1) && !e.closest(".formulas, .alive, svg");
    }).map(e => e.outerHTML.slice(0, 90))"""
    assert page.evaluate(outside, width) == []


def test_names_from_outside_are_text_and_their_scripts_do_not_run(open_gallery):
    page = open_gallery()
    show_all(page)
    assert page.locator('img[src="x"]').count() == 0 and page.title() != "spoilt"
    assert page.locator("#others h3").inner_text() == HOSTILE
    assert HOSTILE in page.locator("#others table").inner_text()


def test_the_policy_of_the_page_stops_scripts_and_requests_that_are_not_its_own(browser, gallery):
    page = browser.new_page()
    page.goto((gallery / "index.html").as_uri())
    stopped = page.evaluate("""async () => {
        const stopped = [];
        document.addEventListener("securitypolicyviolation", event => stopped.push(event.effectiveDirective));
        const image = new Image();
        image.src = "https://example.invalid/x.png";
        document.body.insertAdjacentHTML("beforeend", "<p onclick='document.title = 1'>x</p>");
        document.body.lastElementChild.click();
        const script = document.createElement("script");
        script.textContent = "document.title = 'spoilt'";
        document.body.append(script);
        await fetch("https://example.invalid/").catch(() => 0);
        await new Promise(done => setTimeout(done, 200));
        return [...new Set(stopped)].sort();
    }""")
    assert stopped == ["connect-src", "img-src", "script-src-attr", "script-src-elem"]
    assert page.title() not in ("1", "spoilt")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_the_light_and_in_the_dark(open_gallery, scheme):
    page = open_gallery(color_scheme=scheme)
    colours = """() => [...document.querySelectorAll("p, h1, h2, h3, td, th, a, code, summary, .note")].map(e => {
        let ground = e;
        while (getComputedStyle(ground).backgroundColor == "rgba(0, 0, 0, 0)" && ground.parentElement) {
            ground = ground.parentElement;
        }
        return e.closest(".alive, .skip") ? null
            : getComputedStyle(e).color + " " + getComputedStyle(ground).backgroundColor;
    }).filter(Boolean)"""
    for pair in sorted(set(page.evaluate(colours))):
        text, ground = (luminance(colour) for colour in pair.replace(") ", ")|").split("|"))
        assert (max(text, ground) + 0.05) / (min(text, ground) + 0.05) >= 4.5, pair
        assert (text < ground) == (scheme == "light"), pair


def luminance(colour):
    """Return the relative luminance of rgb(r, g, b), as WCAG 2 defines it."""
    values = np.array([float(x) for x in colour[colour.index("(") + 1 : -1].split(",")[:3]]) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_the_keyboard_skips_to_the_contents_follows_a_link_and_opens_numbers(open_gallery):
    page = open_gallery()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('nav') !== null")
    page.locator("nav li a").nth(2).focus()
    page.keyboard.press("Enter")
    target = page.evaluate("location.hash")
    page.wait_for_function(
        "hash => Math.abs(document.querySelector(hash).getBoundingClientRect().top) < 40", arg=target
    )
    summary = page.locator("main summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")


def test_every_picture_has_words_every_part_a_name_and_every_link_an_end(open_gallery, gallery):
    page = open_gallery()
    assert page.evaluate("[...document.images].filter(i => i.alt.length < 10).map(i => i.src)") == []
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    levels = page.evaluate("[...document.querySelectorAll('main h1, main h2, main h3, main h4')].map(e => e.tagName)")
    assert levels[0] == "H2" and set(levels) == {"H2", "H3"}
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    for link in links:
        assert link[1:] in ids if link.startswith("#") else (gallery / link).is_file(), link
    named = page.evaluate(
        "[...document.querySelectorAll('[aria-labelledby]')].map(e => e.getAttribute('aria-labelledby'))"
    )
    assert named and set(named) <= set(ids)


def test_formulas_are_drawn_as_formulas(open_gallery):
    page = open_gallery()
    heights = page.evaluate("[...document.querySelectorAll('main math')].map(m => m.getBoundingClientRect().height)")
    assert min(heights) > 12
    over, under = page.evaluate(
        "[...document.querySelector('mfrac').children].map(part => part.getBoundingClientRect().top)"
    )
    assert over < under


def test_what_was_not_run_shows_its_command(open_gallery):
    page = open_gallery()
    assert "Not run yet" in page.locator("#siamese-000 .run").inner_text()
    assert page.locator("#siamese-000 .run code").inner_text() == "python -m demos siamese"


def test_the_page_prints_with_all_of_its_numbers_and_without_its_contents(open_gallery, tmp_path):
    page = open_gallery(color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("details table").first.bounding_box()["height"] > 50
    assert Path(tmp_path / "page.pdf").write_bytes(page.pdf()) > 50_000


def test_without_scripts_all_but_the_moving_parts_is_there(open_gallery):
    page = open_gallery(java_script_enabled=False)
    assert page.locator("#vae-001 table").first.is_visible() and page.locator("#vae-001 figure img").first.is_visible()
