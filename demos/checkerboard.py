"""Checkerboards: how transposed convolutions cover pixels unevenly, and three decoders that show it or do not.

Each decoder learns to draw digits, padded to 32 x 32, from their 32 whitened PCA coordinates. It is judged with random
weights, after one epoch and at the end. Odena, Dumoulin & Olah, Distill 2016.
On real digits: python -m demos checkerboard --data mnist
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np

import minigrad as mg
from demos import figures
from demos.data import load, to_32
from demos.evaluation.linear import PCA
from demos.results import Results
from demos.run import Run
from demos.training import apply
from minigrad import Tensor, nn, optim
from models.checkerboard import ENLARGE, Decoder, drawing_loss

DATASETS = ["glyphs", "mnist"]
EPOCHS = 5
CODE = 32
BATCH = 64
LEARNING_RATE = 2e-3
INITIALISATIONS = 15
BORDER = 4  # pixels at each edge, where windows are missing, that are left out of phase means
SHOWN = 6  # images of each kind in the picture

DEPTHS = {1: "#f3ebf9", 2: "#dfccee", 3: "#ccb0e2", 4: "#ba95d6", 6: "#a177c6", 9: "#8759b3"}  # by windows over a pixel


def main(args) -> None:
    train_size, test_size = (512, 256) if args.quick else (4000, 1000)
    data = load(args.data, seed=args.seed, train=train_size, test=test_size)
    x, y = to_32(data.train_images[:train_size]), to_32(data.test_images[:test_size])
    run = Run("checkerboard", args, epochs=EPOCHS, images=len(x))
    # untrained decoders
    draw_overlaps(run.out / "overlaps.png")
    judge_constant(run.results)
    rows = {"real": y[:SHOWN]} | judge_random(phase_variance(y), run.results, run.seed)
    # trained ones
    pca = PCA(x, CODE)
    scale = pca.encode(x).std(axis=0)
    codes, test_codes = ((pca.encode(images) / scale).astype(np.float32) for images in (x, y))
    for stage in sorted({min(1, run.epochs), run.epochs}):
        outputs = {}
        for name in ENLARGE:
            outputs[name] = run.apply(fit(name, codes, x, stage, run), test_codes)
            rows[f"{name}, epoch {stage}"] = outputs[name][:SHOWN]
        judge_trained(outputs, y, np.mean((pca.reconstruct(y) - y) ** 2), stage, run.results)
        draw_spectra({"real": y} | outputs, stage, run.out)
    figures.image_rows(rows, run.out / "outputs.png", size=1.3)
    run.save()


def fit(name: str, codes: np.ndarray, x: np.ndarray, epochs: int, run: Run) -> Decoder:
    """Train a decoder from codes to images x; with the same seed a short training is the beginning of a long one."""
    rng = run.rng()
    model = Decoder(CODE, name, rng=rng).to(run.device)
    run.fit(
        model,
        lambda code, image: drawing_loss(model, code, image),
        (codes, x),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{list(ENLARGE).index(name)}-{epochs}",
        label=name,
        batch_size=BATCH,
        decay=False,
        epochs=epochs,
    )
    return model


# ---- measures --------------------------------------------------------------------------------------------------------


def overlaps(k: int, n: int = 5) -> np.ndarray:
    """Count the windows that cover each pixel when n x n numbers pass a transposed convolution of stride 2."""
    ones = Tensor(np.ones((1, 1, n, n))), Tensor(np.ones((1, 1, k, k)))
    return mg.conv_transpose2d(*ones, stride=2).numpy()[0, 0].astype(int)


def phase_means(x: np.ndarray) -> np.ndarray:
    """Average each image over its pixels (2i, 2j), (2i, 2j + 1), ..: (N, 1, H, W) -> (N, 4)."""
    inside = _inside(x)
    N, H, W = inside.shape
    return inside.reshape(N, H // 2, 2, W // 2, 2).mean(axis=(1, 3)).reshape(N, 4)  # (N,H/2,2,W/2,2) -> (N,4)


def phase_variance(x: np.ndarray) -> float:
    """Return the share of the variance within images that lies between phases: 0 smooth, 1 pure checkerboard."""
    return phase_means(x).var(axis=1).mean() / _inside(x).var(axis=(1, 2)).mean()


def _inside(x: np.ndarray) -> np.ndarray:
    """Cut the border off: (N, 1, H, W) -> (N, H - 2 BORDER, W - 2 BORDER)."""
    return x[:, 0, BORDER:-BORDER, BORDER:-BORDER].astype(np.float64)


def power(x: np.ndarray) -> np.ndarray:
    """Average the power of images at each pair of frequencies, 0 in the middle: (N, 1, H, W) -> (H, W)."""
    waves = np.fft.fft2(x[:, 0].astype(np.float64))
    return np.fft.fftshift(np.square(np.abs(waves)).mean(axis=0))


def spectrum(x: np.ndarray) -> np.ndarray:
    """Return the power at 1, 2, .. n/2 waves per image, the last of period 2: (N, 1, n, n) -> (n/2,)."""
    both = power(x)
    profile = np.fft.ifftshift(both.sum(axis=0) + both.sum(axis=1))  # vertical and horizontal waves
    return profile[1 : len(profile) // 2 + 1]


def judge_constant(results: Results) -> None:
    """Measure the variance of the phase means for each way to enlarge, where all weights and all inputs are 1."""
    print("variance of the phase means, all weights 1 and all inputs 1")
    for name, enlarge in ENLARGE.items():
        layer = enlarge(1, 1, np.random.default_rng(0))
        nn.init.initialise(layer, lambda shape, rng: np.ones(shape), None)
        output = layer(Tensor(np.ones((1, 1, 16, 16), np.float32))).numpy()
        results.add(f"constant kernel, {name}", phase_means(output).var())


def judge_random(real: float, results: Results, seed: int) -> dict[str, np.ndarray]:
    """Measure decoders with random weights on random codes; return images of one of each kind, scaled to [0, 1].

    real: the phase variance of real images, which stands beside.
    """
    print(f"the same as a share of all variance, random weights, median of {INITIALISATIONS}")
    rows, shares = {}, {}
    for name in ENLARGE:
        outputs = []
        for start in range(INITIALISATIONS):
            rng = np.random.default_rng([seed, start])
            outputs.append(apply(Decoder(CODE, name, rng=rng), rng.standard_normal((64, CODE), np.float32)))
        shares[name] = sorted(map(phase_variance, outputs))
        first = outputs[0][:SHOWN]
        low, high = first.min(axis=(2, 3), keepdims=True), first.max(axis=(2, 3), keepdims=True)
        rows[f"{name}, random"] = (first - low) / (high - low)
    smooth = median(shares["upsample, k = 3"])
    for name, share in shares.items():
        baselines = {"from": share[0], "to": share[-1], "times_upsample": median(share) / smooth, "real": real}
        results.add(f"random, {name}", median(share), **baselines)
    return rows


def judge_trained(outputs: dict[str, np.ndarray], y: np.ndarray, pca: float, epoch: int, results: Results) -> None:
    """Compare the power at the finest waves, period 2, with that of real images and with that at the next finest."""
    real = spectrum(y)
    print(f"epoch {epoch}: power at period 2 / real images'; rise: power at period 2 / at the next frequency")
    for name, output in outputs.items():
        ours = spectrum(output)
        rises = {"rise": ours[-1] / ours[-2], "real_rise": real[-1] / real[-2]}
        results.add(f"epoch {epoch}, {name}", ours[-1] / real[-1], **rises, MSE=np.mean((output - y) ** 2), PCA=pca)


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_overlaps(path: Path) -> None:
    """Draw the windows of transposed convolutions of stride 2 along an axis, and how many cover each pixel."""
    board, left = figures.Board(), 0
    for k in (3, 5, 4):
        counts = overlaps(k)
        n = len(counts)
        profile = counts[:1]  # the first row: one window covers it vertically
        inner = sorted(set(profile[0, k - 1 : n - k + 1].tolist()))
        board.text(left + n / 2, -1.2, f"kernel {k}, stride 2: {' or '.join(map(str, inner))} windows", 13)
        for window in range(5):
            for tap in range(k):
                board.square(left + 2 * window + tap, window % 3, figures.TINTS[window % 4])
        board.table(left, 3.5, profile, np.vectorize(DEPTHS.get)(profile))
        board.table(left, 5.5, counts, np.vectorize(DEPTHS.get)(counts))
        left += n + 2
    board.text(-0.4, 1.5, "windows", 10, align="right")
    board.text(-0.4, 4, "along an axis", 10, align="right")
    board.text(-0.4, 6, "in the plane", 10, align="right")
    board.save(path)


def draw_spectra(images: dict[str, np.ndarray], epoch: int, folder: Path) -> None:
    """Draw the power of images by frequency, in the plane and along an axis."""
    planes = {name: np.log10(power(x)) for name, x in images.items()}
    figures.heat_maps(planes, folder / f"spectra-epoch{epoch}.png", f"log10 power, epoch {epoch}")
    lines = {name: spectrum(x) for name, x in images.items()}
    figures.curves(
        lines, folder / f"profiles-epoch{epoch}.png", "waves an image (16: period 2)", f"power, epoch {epoch}"
    )
