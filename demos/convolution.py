"""Convolution as a matrix: the kernel written out as C, the four positions of its window, and the transpose Cᵀ.

A 3x3 kernel on a 4x4 image (stride 1, no padding) is a 4x16 matrix: O_flat = C I_flat. Then conv2d, conv_transpose2d,
unfold and fold are compared with C and Cᵀ for a table of geometries. Dumoulin & Visin, arXiv 1603.07285. No data.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

import minigrad as mg
from demos import figures
from demos.run import Run
from minigrad import Tensor

IMAGE = np.array([[3, 3, 2, 1], [0, 0, 1, 3], [3, 1, 2, 2], [2, 0, 0, 2]])
KERNEL = np.array([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
BACKWARD = np.array([[1, 2], [3, 1]])  # the numbers that Cᵀ spreads
POSITIONS = [(0, 0), (0, 1), (1, 0), (1, 1)]  # of the window

# (vertical, horizontal) each
GEOMETRIES = [
    {"stride": stride, "padding": padding, "dilation": dilation}
    for stride, padding, dilation in itertools.product([(1, 1), (2, 1), (3, 2)], [(0, 0), (2, 1)], [(1, 1), (1, 2)])
]

TINTS = np.array(figures.TINTS)
GREYS = np.array(["", "#ececec", "#cfcfcf", "", "#a2a2a2"])  # by the number of windows over a pixel
CAPTION = """A step of the window to the right moves the weights by one column,
a step down by four, a row of the image. Nine numbers fill 36 places.
The transposed convolution is $C^T$: from four numbers to sixteen."""
PLAIN, MARKED = "#f4f4f4", "#fbd59b"


def main(args) -> None:
    run = Run("convolution", args, device=args.device)
    rng = run.rng()
    print("largest difference from C x and Cᵀ y, float64, by stride, padding and dilation")
    for geometry in GEOMETRIES:
        errors = differences(geometry, rng, run.device)
        name = " ".join(f"{k} {a}x{b}" for k, (a, b) in geometry.items())
        run.results.add(name, max(errors.values()), **errors)
    draw_matrix(run.out / "matrix.png")
    draw_steps(run.out / "steps.png")
    draw_transposed(run.out / "transposed.png")
    run.save()


def symbols(letter: str, height: int, width: int) -> np.ndarray:
    """Name the entries of a matrix: w00, w01, .."""
    return np.array([[f"{letter}{i}{j}" for j in range(width)] for i in range(height)])


def symbolic_matrix(kernel: tuple[int, int] = (3, 3), image: tuple[int, int] = (4, 4)) -> np.ndarray:
    """Return C with the names of the weights as its entries, and "0" elsewhere: (oh ow, H W)."""
    weights = symbols("w", *kernel).ravel()
    number_of_weight = np.arange(1, len(weights) + 1).reshape(1, 1, *kernel)
    return np.array(["0", *weights])[mg.conv_matrix(number_of_weight, image).toarray()]


def differences(geometry: dict, rng: np.random.Generator, device: str) -> dict[str, float]:
    """Compare each op with C and Cᵀ -> the largest differences, and |<C x, y> - <x, Cᵀ y>|."""
    # the matrix, and images for it
    size, kernel = (9, 8), (3, 2)
    w = rng.standard_normal((4, 3, *kernel))
    x = rng.standard_normal((2, 3, *size))
    C = mg.conv_matrix(w, size, **geometry)
    strides = zip(size, kernel, *geometry.values())
    rest = tuple((n + 2 * p - d * (k - 1) - 1) % s for n, k, s, p, d in strides)  # pixels that no window reaches
    # the ops
    tx, tw = Tensor(x).to(device), Tensor(w).to(device)
    out = mg.conv2d(tx, tw, **geometry)
    y = rng.standard_normal(out.shape)
    ty, rows = Tensor(y).to(device), tw.reshape(4, -1)
    back = mg.conv_transpose2d(ty, tw, **geometry, output_padding=rest)
    by_unfold = (rows @ mg.unfold(tx, kernel, **geometry)).reshape(y.shape)
    by_fold = mg.fold(rows.T @ ty.reshape(2, 4, -1), size, kernel, **geometry)
    # the matrix products
    Cx = (C @ x.reshape(2, -1).T).T.reshape(y.shape)
    CTy = (C.T @ y.reshape(2, -1).T).T.reshape(x.shape)
    pairs = {"conv2d": (out, Cx), "conv_transpose2d": (back, CTy), "unfold": (by_unfold, Cx), "fold": (by_fold, CTy)}
    errors = {name: float(np.abs(ours.to("cpu").numpy() - truth).max()) for name, (ours, truth) in pairs.items()}
    return errors | {"adjoint": abs((mg.sum(out * ty) - mg.sum(tx * back)).item())}


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_matrix(path: Path) -> None:
    """Draw I * K = O, and the same as C I_flat = O_flat, with the names of all entries."""
    board, C = figures.Board(), symbolic_matrix()
    i, w, o = symbols("i", 4, 4), symbols("w", 3, 3), symbols("o", 2, 2)
    tints = {"0": "", **{name: TINTS[int(name[1])] for name in w.ravel()}}  # one for each row of the kernel
    tint = np.vectorize(tints.get)
    board.table(1, 0, _pretty(i), _plain(i), "image $I$")
    board.text(5.75, 2, r"$*$")
    board.table(6.5, 0.5, _pretty(w), tint(w), "kernel $K$")
    board.text(10.25, 2, "$=$")
    board.table(11, 1, _pretty(o), _plain(o), "$O$")
    board.table(1, 7, _pretty(C), tint(C))
    board.text(9, 5.5, "$C$: a row for each position of the window, a column for each pixel", 11)
    for k, name in enumerate(_pretty(i.ravel())):
        board.text(1.5 + k, 6.6, name, 8, "#777777")
    for k, name in enumerate(_pretty(o.ravel())):
        board.text(0.5, 7.5 + k, name, 8, "#777777")
    board.text(17.75, 9, r"$\cdot$", 22)
    board.table(18.5, 1, _pretty(i.reshape(16, 1)), _plain(i.reshape(16, 1)), "$I_{flat}$")
    board.text(20.25, 9, "$=$")
    board.table(21, 7, _pretty(o.reshape(4, 1)), _plain(o.reshape(4, 1)), "$O_{flat}$")
    board.text(1, 13.5, CAPTION, 10, align="left")
    board.save(path)


def draw_steps(path: Path) -> None:
    """Draw the four positions of the window, the numbers under it and the results."""
    board = figures.Board()
    out = np.array([[np.sum(IMAGE[a : a + 3, b : b + 3] * KERNEL) for b in range(2)] for a in range(2)])
    for step, (a, b) in enumerate(POSITIONS):
        x, y = 14.5 * b, 7.5 * a
        under = IMAGE[a : a + 3, b : b + 3]
        window = _plain(IMAGE)
        window[a : a + 3, b : b + 3] = MARKED
        done = np.where(np.arange(4) <= step, out.ravel().astype(str), "").reshape(2, 2)
        colours = np.array([PLAIN] * step + [MARKED] + [""] * (3 - step)).reshape(2, 2)
        board.table(x, y, IMAGE, window, f"step {step + 1}")
        for (i, j), weight in np.ndenumerate(KERNEL):
            board.text(x + b + j + 0.8, y + a + i + 0.78, rf"$\times${weight}", 5.5, "#8a4b00")
        board.text(x + 4.75, y + 2, r"$*$")
        board.table(x + 5.5, y + 0.5, KERNEL, _plain(KERNEL), "kernel")
        board.text(x + 9.25, y + 2, "$=$")
        board.table(x + 10, y + 1, done, colours, "output")
        rows = ["(" + " + ".join(f"{p}·{w}" for p, w in zip(*row)) + ")" for row in zip(under, KERNEL)]
        board.text(x + 6, y + 4.8, f"{' + '.join(rows)} = {out[a, b]}", 9)
    board.save(path)


def draw_transposed(path: Path) -> None:
    """Draw Cᵀ y = x, each number of y spread over its window, and how many windows overlap."""
    board, y = figures.Board(), BACKWARD
    parts = np.zeros((4, 4, 4), int)
    for part, (a, b) in zip(parts, POSITIONS):
        part[a : a + 3, b : b + 3] = y[a, b] * KERNEL
    inside = mg.conv_matrix(np.ones((1, 1, 3, 3)), (4, 4)).toarray().T > 0  # (16, 4), where Cᵀ has weights
    CT = mg.conv_matrix(KERNEL[None, None], (4, 4)).toarray().T
    flat = (CT @ y.ravel()).reshape(16, 1)
    colours = np.where(inside, TINTS, "")  # each number of y has a colour, as has its column of Cᵀ
    board.table(0, 0, CT, colours, "$C^T$")
    board.text(4.7, 8, r"$\cdot$", 22)
    board.table(5.4, 6, y.reshape(4, 1), TINTS.reshape(4, 1), "$y_{flat}$")
    board.text(7.1, 8, "$=$")
    board.table(7.8, 0, flat, _plain(flat), "$x_{flat}$")
    board.table(12, 1, y, TINTS.reshape(2, 2), "$y$")
    board.table(16, 0.5, KERNEL, _plain(KERNEL), "$K$")
    board.text(20.2, 2, "each number of $y$, times $K$, is spread\nover the window that it came from", 10, align="left")
    for k, (part, (a, b)) in enumerate(zip(parts, POSITIONS)):
        cells = np.where(inside[:, k].reshape(4, 4), part.astype(str), "")
        board.table(12 + 5.5 * b, 5.8 + 5.7 * a, cells, colours[:, k].reshape(4, 4), f"${y[a, b]} \\cdot K$")
    board.text(16.75, 7.8, "$+$")
    for x, sign in [(16.75, "$+$"), (11.25, "$+$"), (22.25, "$=$")]:
        board.text(x, 13.5, sign)
    board.table(23, 11.5, parts.sum(axis=0), _plain(parts[0]), "$x$")
    reached = inside.sum(axis=1).reshape(4, 4)
    board.table(23, 5.8, reached, GREYS[reached], "windows that overlap")
    board.save(path)


def _pretty(names: np.ndarray) -> np.ndarray:
    """Write w00 as w with an index."""
    return np.vectorize(lambda name: name if name == "0" else f"${name[0]}_{{{name[1:]}}}$")(names)


def _plain(cells: np.ndarray) -> np.ndarray:
    return np.full(cells.shape, PLAIN)
