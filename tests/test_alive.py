"""The gallery's moving parts in a real browser: each control moves something, and the numbers are minigrad's."""

import base64
import json
import math
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from demos.command_line import main
from demos.gallery.alive import ALIVE, SHARED, pack
from demos.gallery.alive.faces import layers_of_faces
from demos.gallery.alive.networks import layers_of
from demos.gallery.widgets import embedded
from minigrad import Tensor, nn, saving
from models.autoencoder import DenseAutoencoder
from models.conv_vae import ConvVAE
from models.vae import DenseVAE
from models.warp import identity_grid, look_up

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent.parent / "demos" / "gallery" / "alive"


def scripts(*names):
    return "".join(f"<script>{(FOLDER / f'{name}.js').read_text()}</script>" for name in names)


def widget(name, data):
    """What the body of a page holds for one widget, as the gallery puts it."""
    content = f'<script type="application/json" id="data-{name}">{embedded(data)}</script>'
    return f'<div class="alive" data-widget="{name}"></div>{content}{scripts(*SHARED, name)}'


@pytest.fixture
def open_page(browser, tmp_path):
    """open_page(body, width=1000): a page opened from the disk, which reports no error by the end of the test."""
    context, said = browser.new_context(), []

    def open_page(body, width=1000):
        style = "".join((FOLDER / path).read_text() for path in ("../style.css", "alive.css"))
        path = tmp_path / "page.html"
        head = f'<meta charset="utf-8"><title>alive</title><style>{style}</style>'
        path.write_text(f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>{body}</body></html>')
        page = context.new_page()
        page.set_viewport_size({"width": width, "height": 800})
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_page
    context.close()
    assert not said


@pytest.fixture
def language(open_page):
    """A page with the scripts that widgets share, but no widget."""
    return open_page(scripts(*SHARED))


# ---- expressions -----------------------------------------------------------------------------------------------------

GIVEN = {"x": 1.3, "y": -0.7, "w": 0.4, "b": 2.1}
FUNCTIONS = {
    **{name: getattr(math, name) for name in ("sin", "cos", "exp", "log", "sqrt", "tanh", "pi")},
    **{"abs": abs, "relu": lambda a: max(a, 0), "sigmoid": lambda a: 1 / (1 + math.exp(-a))},
}
EXPRESSIONS = [
    "1 + 2 * 3",
    "2 - 3 - 4",
    "24 / 4 / 3",
    "2 ^ 3 ^ 2",
    "-x ^ 2",
    "2 ^ -x",
    "2 ** 3 ** 0.5",
    "--x",
    "-x * -y",
    "x - -y",
    "(x + y) * (w - b)",
    "x * y + sin(x)",
    "(y - tanh(w * x + b)) ^ 2",
    "sigmoid(w * x + b)",
    "log(exp(x) + exp(y))",
    "relu(y) + relu(x) * abs(y) / sqrt(b)",
    "x ^ w + cos(pi * x)",
    "x * x * x - .5 * x / 2.",
    "((((((x))))))",
]

EVALUATE = """([text, given]) => {
    const { parse, forward, gradients, difference } = alive.expression;
    const graph = parse(text);
    const places = new Map(Object.entries(given));
    const values = forward(graph, places);
    const found = gradients(graph, values);
    const names = [...graph.variables.keys()];
    return {
        value: values[graph.root.index],
        gradients: Object.fromEntries(names.map((name) => [name, found[graph.variables.get(name).index]])),
        differences: Object.fromEntries(names.map((name) => [name, difference(graph, places, name)])),
    };
}"""


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_has_the_value_that_python_gives_it_and_minigrads_gradients(language, text):
    python = text.replace("^", "**")
    found = language.evaluate(EVALUATE, [text, GIVEN])
    assert found["value"] == pytest.approx(eval(python, FUNCTIONS | GIVEN), rel=1e-12)
    tensors = {name: Tensor(np.array(value), requires_grad=True) for name, value in GIVEN.items()}
    ops = {name: getattr(mg, name) for name in FUNCTIONS if name != "pi"} | {"pi": math.pi}
    out = eval(python, ops | tensors)
    if isinstance(out, Tensor):
        out.backward()
    assert found["gradients"].keys() == {name for name in GIVEN if tensors[name].grad is not None}
    for name, gradient in found["gradients"].items():
        assert gradient == pytest.approx(tensors[name].grad.item(), rel=1e-9)
        assert found["differences"][name] == pytest.approx(gradient, rel=1e-5, abs=1e-8)


REFUSED = {
    "": "expected a number, a name or “(”, found the end",
    "x +": "found the end",
    "x y": "character 3: expected an operator, found “y”",
    "2x": "character 2: expected an operator",
    "(x": "expected “)”, found the end",
    "x)": "character 2: expected an operator, found “)”",
    "sin x": "character 5: expected “(” after sin",
    "sin()": "character 5: expected a number",
    "x * * y": "character 5: expected a number, a name or “(”, found “*”",
    "x = 2": "character 3: “=” has no meaning here",
    "foo(x)": "unknown name “foo”",
    "a+b+c+d+f+g+h": "at most 6 variables",
    "(" * 40 + "x" + ")" * 40: "too deep",
    "x+" * 80 + "x": "too large",
    "x" * 201: "too long",
}
HOSTILE = [
    *("alert(1)", "constructor", "x.constructor", "__proto__", "this", "toString()", "hasOwnProperty(x)", "x[0]"),
    *("`x`", "${x}", "x;y", "x=>x", "import(x)", "Function(x)()", "window", "globalThis", "'x'", '"x"', "x\\u0028"),
    *("</script><script>document.title=1</script>", "<img src=x onerror=alert(1)>", "\u202ex", "\U0001f600", "x\0y"),
    *("negative(x)", "1e999", "0x10"),
]

REFUSAL = """(text) => {
    const before = Object.keys(window).length;
    try {
        alive.expression.parse(text);
    } catch (error) {
        const ours = error instanceof alive.expression.ExpressionError;
        return [ours, error.message, Object.keys(window).length === before, document.title];
    }
    return null;
}"""


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=range(len(REFUSED)))
def test_what_is_no_expression_is_refused_at_its_place(language, text, reason):
    ours, message, clean, _ = language.evaluate(REFUSAL, text)
    assert ours and clean and reason in message


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_code_is_no_expression(language, text):
    ours, _, clean, title = language.evaluate(REFUSAL, text)
    assert ours and clean and title == "alive"


def test_a_refused_text_stands_on_the_page_as_text_and_the_graph_stays(open_page):
    page = open_page(widget("gradient", {}))
    nodes = page.locator(".alive-node").count()
    page.get_by_label("expression").fill("x + <b onclick=alert(1)>y</b>")
    assert "“<” has no meaning here" in page.locator(".alive-error").inner_text()
    assert page.locator(".alive-node").count() == nodes and page.locator(".alive b").count() == 0


def test_nodes_of_a_graph_stand_apart_and_after_their_inputs(language):
    places, depths = language.evaluate("""(texts) => {
        const graphs = texts.map(alive.expression.parse);
        const arranged = graphs.map(alive.arrange);
        const edges = graphs.flatMap((graph, i) => graph.nodes.flatMap((node) =>
            node.inputs.map((input) => [arranged[i].places[input.index][0], arranged[i].places[node.index][0]])));
        return [arranged.map((one) => one.places), edges];
    }""", EXPRESSIONS)  # fmt: skip
    assert all(before < after for before, after in depths)
    for graph in places:
        for i, (layer, across) in enumerate(graph):
            assert all(layer != other or abs(across - beside) > 0.99 for other, beside in graph[:i])


# ---- layers ----------------------------------------------------------------------------------------------------------


def test_numbers_of_three_bytes_are_off_by_a_ten_millionth_of_the_largest_of_their_row(rng):
    w = (rng.standard_normal((6, 3, 4, 4)) * [[[[1e-4]]], [[[1]]], [[[40]]], [[[0]]], [[[1]]], [[[1]]]]).astype(
        np.float32
    )
    error = np.abs(unpacked(pack.rounded(w)) - w)
    assert np.all(error <= np.abs(w).max(axis=(1, 2, 3), keepdims=True) * 1e-7)


def in_browser(page, layers, codes):
    """What a network of the page makes of codes (N, k) -> (N, channels, height, width)."""
    return page.evaluate("""([layers, codes]) => {
        const decode = alive.layers.network(layers);
        return codes.map((code) => {
            const { channels, height, width, values } = decode(code);
            return { shape: [channels, height, width], values: [...values] };
        });
    }""", [layers, codes.tolist()])  # fmt: skip


def decoders(rng):
    """Networks of every kind that the page decodes with: length of a code, layers for the page, minigrad's function."""
    dense, faces = DenseVAE(5, rng=rng), ConvVAE(16, image_shape=(3, 64, 64), width=8, rng=rng)
    for bias in (faces.pixel_bias, faces.decoder[2].bias, dense.decoder[0].bias):
        bias.data[...] = rng.standard_normal(bias.shape)
    reshape = {"layer": "reshape", "shape": [1, 28, 28]}
    return {
        "dense": (5, layers_of(dense.decoder, nn.Sigmoid(), reshape), dense.decode),
        "faces": (16, layers_of_faces(faces), faces.decode),
    }


@pytest.mark.parametrize("name", ["dense", "faces"])
def test_a_decoder_in_the_browser_gives_the_numbers_of_minigrad(language, rng, name):
    k, layers, decode = decoders(rng)[name]
    codes = rng.standard_normal((4, k)).astype(np.float32)
    wanted = decode(Tensor(codes)).numpy()
    for image, truth in zip(in_browser(language, json.loads(json.dumps(layers)), codes), wanted, strict=True):
        assert tuple(image["shape"]) == truth.shape
        assert np.abs(np.reshape(image["values"], truth.shape) - truth).max() < 1e-5


def test_a_texture_is_looked_up_as_minigrad_does_it(language, rng):
    texture = rng.random((1, 3, 9, 12)).astype(np.float32)
    warp = (identity_grid(8) * 1.2 + 0.1 * rng.standard_normal((8, 8, 2)).astype(np.float32)).clip(-1.3, 1.3)
    found = language.evaluate("""([texture, warp]) => {
        const image = { channels: 3, height: 9, width: 12, values: Float32Array.from(texture) };
        return [...alive.layers.lookUp(image, warp, 8, 8).values];
    }""", [texture.ravel().tolist(), warp.ravel().tolist()])  # fmt: skip
    wanted = look_up(Tensor(texture), Tensor(warp[None])).numpy()[0]
    assert np.abs(np.reshape(found, wanted.shape) - wanted).max() < 1e-5


# ---- the widgets -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder of results with what the widgets need, from untrained networks in the place of trained ones."""
    out, rng = tmp_path_factory.mktemp("out"), np.random.default_rng(0)
    models = {
        "vae-k2": DenseVAE(2, rng=rng),
        "vae-k5": DenseVAE(5, rng=rng),
        "autoencoder-k2": DenseAutoencoder(2, rng=rng),
    }
    codes = {name: rng.standard_normal((200, int(name[-1]))) for name in models}
    warps = {size: identity_grid(size) * 0.9 + 0.05 * rng.random((3, size, size, 2)) for size in (32, 64)}
    pictures = rng.integers(0, 256, (5, 3, 40, 32), np.uint8)
    kept = {
        **{f"vae/{name}": model.state_dict() for name, model in models.items()},
        "vae/codes": codes | {"labels": np.arange(200) % 10},
        "faces/vae": ConvVAE(6, width=2, rng=rng).state_dict(),
        "faces/attributes": {"moves": rng.standard_normal((3, 6)), "codes": rng.standard_normal((4, 6))},
        "faces/mixture": mixture(rng, 6),
        "deforming/parts": parts(rng, 1, warps[32]),
        "deforming_faces/parts": parts(rng, 3, warps[64]),
        "style_transfer/painting": dict(zip(("content", "style"), pictures))
        | {"frames": pictures, "evaluations": range(5)},
        "style_transfer/sweep": {"pictures": pictures, "weights": np.geomspace(0.01, 100, 5)},
        "style_transfer/mixing": {"pictures": pictures, "shares": np.linspace(0, 1, 5)},
    }
    for name, arrays in kept.items():
        (out / name).parent.mkdir(exist_ok=True)
        saving.save(out / f"{name}.safetensors", arrays, {"names": ["smile", "<b>yaw</b>", "light"]})
    return out


def mixture(rng, k):
    factors = np.tril(rng.standard_normal((3, k, k)))
    return {"weights": np.array([0.2, 0.5, 0.3]), "means": 3 * rng.standard_normal((3, k)), "factors": factors}


def parts(rng, channels, warps):
    images, textures = rng.random((2, len(warps), channels, *warps.shape[1:3]))
    return {"images": images, "textures": textures, "warps": warps.astype(np.float32)}


@pytest.fixture(scope="module")
def data(out):
    """The data of every widget."""
    return {name: write(out / system) for name, (system, write, _) in ALIVE.items()}


each_widget = pytest.mark.parametrize("name", ALIVE)

CONTROLS = ".alive :is(input:not([type=radio]), input:checked, select, button, .alive-steered)"

# all that a visitor sees of a widget, as one string: its numbers, drawings and pixels
SEEN = """() => {
    const element = document.querySelector(".alive");
    const pixels = [...element.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL());
    const values = [...element.querySelectorAll("input")].map((input) => input.type === "text" ? input.value : "");
    return element.innerHTML + pixels.join() + values.join();
}"""


def test_all_widgets_start_on_the_gallerys_page_under_its_policy_and_ask_for_nothing(browser, out):
    assert main(["gallery", "--out", str(out)]) == 0
    address, said, asked = (out / "gallery" / "index.html").as_uri(), [], []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    assert page.locator(".alive").evaluate_all("(all) => all.map((e) => e.dataset.widget)") == [*ALIVE]
    assert page.locator(".alive:has(input)").count() == len(ALIVE) and page.locator(".alive-error:visible").count() == 0
    assert not said and all(url.startswith((address, "data:")) for url in asked)
    page.close()
    assert (out / "gallery" / "index.html").stat().st_size < 15e6


@each_widget
def test_every_control_moves_something_by_the_keyboard_alone(open_page, data, name):
    page = open_page(widget(name, data[name]))
    count = page.locator(CONTROLS).count()
    for i in range(count):
        page.reload()
        for slider in page.locator(".alive input[type=range]").all():  # so that "as it was" has something to undo
            slider.press("ArrowRight")
        for board in page.locator(".alive .alive-steered").all():
            board.press("ArrowRight")
        for text in page.locator(".alive input[type=text]").all():
            text.fill("x * y")
        control = page.locator(CONTROLS).nth(i)
        before = page.evaluate(SEEN)
        operate(page, control)
        assert page.evaluate(SEEN) != before, control.evaluate("(e) => e.outerHTML")


def operate(page, control):
    """Use a control by the keyboard: of radio buttons, go on to the next."""
    kind = control.evaluate("(e) => e.type ?? e.tagName")
    before = page.evaluate(SEEN)
    control.focus()
    if kind == "text":
        control.fill("x + 1")
    elif kind == "button":
        page.keyboard.press("Enter")
    else:
        page.keyboard.press("ArrowRight")
        if page.evaluate(SEEN) == before:  # a slider at its end
            page.keyboard.press("ArrowLeft")


@each_widget
def test_every_control_and_picture_has_a_name_and_values_are_spoken(open_page, data, name):
    page = open_page(widget(name, data[name]))
    nameless = page.evaluate("""() => {
        const labels = (e) => [...(e.labels ?? [])].map((label) => label.textContent).join("");
        const name = (e) => e.getAttribute("aria-label") || e.textContent.trim() || labels(e).trim();
        const around = (e) => e.closest("button") ?? e.closest("label")?.querySelector("input");
        const inside = (e) => around(e) && name(around(e));
        return [...document.querySelectorAll(".alive :is(input, select, button, canvas, svg)")]
            .filter((e) => !name(e) && !inside(e)).map((e) => e.outerHTML);
    }""")
    assert not nameless
    assert page.locator(".alive [aria-live=polite]").count()


@each_widget
@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_wider_than_the_page(open_page, data, name, width):
    page = open_page(f'<div class="moving">{widget(name, data[name])}</div>', width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_planes_show_what_their_decoders_give_at_the_pointer(open_page, data):
    page = open_page(widget("vae_plane", data["vae_plane"]))
    canvas = page.locator(".alive-plane > canvas").first
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 0.75 * box["height"])
    for i, plane in enumerate(data["vae_plane"]["planes"]):
        (left, bottom), (right, top) = plane["box"]
        code = np.array([[left + 0.25 * (right - left), top - 0.75 * (top - bottom)]])
        wanted = in_browser(page, plane["network"], code)[0]["values"]
        shown = pixels(page.locator(".alive-decoded canvas").nth(i))
        assert np.abs(shown.ravel() / 255 - wanted).max() < 0.02


def test_the_windows_row_of_the_matrix_times_the_input_is_the_output(open_page, data):
    """For every shape that fits, against the sum over the window and against minigrad's transposed convolution."""
    page = open_page(widget("convolution", {}))
    for kernel, stride, padding, dilation in [(3, 1, 0, 1), (2, 2, 1, 1), (4, 3, 2, 1), (3, 2, 1, 2)]:
        for name, value in {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}.items():
            page.get_by_role("group", name=name).get_by_role("radio", name=str(value), exact=True).check(force=True)
        page.get_by_role("slider", name="window").press("End")
        boards = {
            b.locator("figcaption").inner_text()[:4]: numbers_of(b) for b in page.locator(".alive-grid-board").all()
        }
        x, w, c, y = boards["inpu"], boards["kern"], boards["C: a"], boards["numb"]
        side = int(math.sqrt(len(x))) - 2 * padding
        x, w, y = (np.reshape(a, (1, 1, math.isqrt(len(a)), -1)).astype(float) for a in (x, w, y))
        x = x[:, :, padding : padding + side, padding : padding + side]
        out = mg.conv2d(Tensor(x), Tensor(w), stride=stride, padding=padding, dilation=dilation).numpy()
        assert boards["outp"] == out.ravel().tolist()
        assert np.array_equal(np.reshape(c, (out.size, -1)) @ x.ravel(), out.ravel())
        at = Tensor(x, requires_grad=True)
        mg.conv2d(at, Tensor(w), stride=stride, padding=padding, dilation=dilation).backward(Tensor(y))
        sums = np.reshape(boards["Cᵀ y"], (side + 2 * padding, -1))
        assert np.array_equal(sums[padding : padding + side, padding : padding + side], at.grad.numpy()[0, 0])


def test_a_texture_under_its_own_warp_is_what_minigrad_looks_up(open_page, data):
    page = open_page(widget("deforming", data["deforming"]))
    warp = unpacked(data["deforming"]["sets"][0]["warps"])[:1].astype(np.float32)
    texture = unpacked(data["deforming"]["sets"][0]["textures"])[:1] / np.float32(255)
    page.get_by_role("group", name="deformation of").get_by_role("radio", name="image 1").check(force=True)
    wanted = look_up(Tensor(texture), Tensor(warp)).numpy()[0, 0]
    assert np.abs(pixels(page.locator(".alive-picture canvas").nth(1)) / 255 - wanted).max() < 0.01
    page.get_by_role("slider", name="deformation").press("Home")
    assert np.abs(pixels(page.locator(".alive-picture canvas").nth(1)) / 255 - texture[0, 0]).max() < 0.01


def test_a_slider_of_faces_adds_its_attribute_to_the_code(open_page, data):
    page = open_page(widget("faces", data["faces"]))
    for _ in range(5):
        page.get_by_role("slider", name="smile").press("ArrowRight")
    code = np.array(data["faces"]["codes"][:1]) + 0.5 * np.array(data["faces"]["moves"][:1])
    wanted = in_browser(page, data["faces"]["network"], code)[0]["values"]
    shown = pixels(page.get_by_role("img", name="the decoded face"))
    assert np.abs(shown / 255 - np.reshape(wanted, (3, 64, 64))[0]).max() < 0.01


@pytest.mark.parametrize(("uniform", "which"), [(0.1, 0), (0.6, 1), (0.8, 2)])
def test_a_face_is_drawn_from_the_mixture_that_was_fitted_to_the_codes(open_page, out, data, uniform, which):
    page = open_page(widget("faces", data["faces"]))
    page.evaluate(
        """(uniform) => {
        const noise = [0.5, -1, 2, 0, 1.5, -0.3];
        Math.random = () => uniform;
        alive.normal = () => noise.shift();
    }""",
        uniform,
    )
    fitted = saving.load(out / "faces" / "mixture.safetensors")[0]
    code = fitted["means"][which] + fitted["factors"][which] @ [0.5, -1, 2, 0, 1.5, -0.3]
    page.get_by_role("button", name="draw a face").click()
    wanted = in_browser(page, data["faces"]["network"], code[None])[0]["values"]
    shown = pixels(page.get_by_role("img", name="the decoded face"))
    assert np.abs(shown / 255 - np.reshape(wanted, (3, 64, 64))[0]).max() < 0.01


def test_the_end_of_the_slider_shows_the_last_picture_alone(open_page, data):
    page = open_page(widget("style", data["style"]))
    page.get_by_role("radio", name="over the weight of the style").check(force=True)
    opacities = "() => [...document.querySelectorAll('.alive-stack img')].map((e) => Number(e.style.opacity))"
    assert page.evaluate(opacities) == [1, 1, 1, 1, 1] and "beta / alpha = 100" in page.locator(".alive").inner_text()
    page.get_by_role("slider").press("Home")
    assert page.evaluate(opacities) == [1, 0, 0, 0, 0] and "beta / alpha = 0.01" in page.locator(".alive").inner_text()


def unpacked(packed):
    """An array of the page's data, as numbers."""
    content = np.frombuffer(base64.b64decode(packed["data"]), "<f4" if packed["type"] == "f4" else "u1")
    if packed["type"] != "i3":
        return content.reshape(packed["shape"]).astype(np.float32)
    low, middle, high = content.reshape(-1, 3).astype(float).T
    whole = (low + 256 * middle + 65536 * (high - 256 * (high > 127))).reshape(packed["shape"])
    return whole * unpacked(packed["scale"]).reshape(-1, *[1] * (whole.ndim - 1))


def pixels(canvas):
    """The red of a canvas (height, width), from 0 to 255."""
    size, red = canvas.evaluate("""(canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return [[canvas.height, canvas.width], [...data].filter((_, i) => i % 4 === 0)];
    }""")
    return np.reshape(red, size).astype(float)


def numbers_of(board):
    return [float(text or 0) for text in board.locator("text").all_inner_texts()]
