"""Faces drawn from noise: N(0, I) as it is, and by maps to where the codes of faces are, beside samples of PCA."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from demos import figures
from demos.data.known import KnownFaces
from demos.evaluation.frechet import FEATURES, Classifier, frechet_distance
from demos.evaluation.likelihood import posterior
from demos.evaluation.linear import PCA
from demos.run import Run
from minigrad import nn, optim
from models.conv_vae import ConvVAE
from models.rosenblatt import RosenblattMap, gaussian_divergence

MIXTURE = 5  # Gaussians fitted to the codes
JUDGE_EPOCHS = 6
SIDE = 8  # of a grid of samples


def draw_samples(model: ConvVAE, pca: PCA, task: KnownFaces, seen: np.ndarray, unseen: np.ndarray, run: Run) -> None:
    """Decode noise from N(0, I) as it is, and by two maps to where the codes are; draw PCA's Gaussian beside them.

    The spread of a pixel is learned, so the divergence has the weight that the likelihood gives it, and still the codes
    of all images together are not N(0, I). A map of N(0, I) to a mixture of Gaussians fitted to them mends it
    (models/rosenblatt.py); a single Gaussian, which is what moments can mend, is the ablation.
    """
    rng, n = run.rng(), len(unseen)
    noise = rng.standard_normal((n, model.widen.weight.shape[1]))  # as many numbers as a code has
    codes, new = (draw_codes(model, images, rng, run) for images in (seen, unseen))
    maps = {"one Gaussian": fit_map(codes, 1, run.seed), "mixture": fit_map(codes, MIXTURE, run.seed)}
    run.keep("mixture", {part: getattr(maps["mixture"], part) for part in ("weights", "means", "factors")})
    normals = {"codes": new} | {name: to_codes.normals(new) for name, to_codes in maps.items()}
    far = {name.replace(" ", "_"): gaussian_divergence(z) for name, z in normals.items()}
    run.results.add("codes of unseen faces, nats from N(0, I)", far.pop("mixture"), **far)
    linear_codes = pca.encode(seen)
    spread = linear_codes.std(axis=0)
    board = {
        "unseen faces": unseen,
        "N(0, I) as it is": decode(model, noise, run),
        "N(0, I), one Gaussian": decode(model, maps["one Gaussian"].codes(noise), run),
        "N(0, I), mixture": decode(model, maps["mixture"].codes(noise), run),
        "samples of PCA": _image(pca, spread * rng.standard_normal((n, len(spread)))),
    }
    if task.names:
        mixed = _image(pca, fit_map(linear_codes, MIXTURE, run.seed).codes(rng.standard_normal((n, len(spread)))))
        judge_samples(fit_judge(task, run), list(board.values()), mixed, seen, run)
    order = np.resize(rng.permutation(n), SIDE**2)  # starts again if there are fewer
    board = {title: images[order].reshape(-1, SIDE, *images.shape[1:]) for title, images in board.items()}
    figures.mosaics(board, run.out / "samples.png", 4)


def judge_samples(judge: Classifier, board: list[np.ndarray], mixed: np.ndarray, seen: np.ndarray, run: Run) -> None:
    """Measure the Frechet distance of each part of the board from its first, unseen faces, in the judge's features.

    mixed, drawn from a mixture fitted to the codes of PCA, and seen, the training images, are baselines.
    """
    real, *features = (run.apply(judge.features, images) for images in (*board, mixed, seen))
    names = ("as_it_is", "one_Gaussian", "mapped", "PCA", "PCA_mixture", "training_images")
    distances = {name: frechet_distance(real, other) for name, other in zip(names, features, strict=True)}
    run.results.add("Frechet distance, samples of N(0, I)", distances.pop("mapped"), **distances)


def draw_codes(model: ConvVAE, images: np.ndarray, rng: np.random.Generator, run: Run) -> np.ndarray:
    """Draw a code for every image from its posterior, (N, k) in float64."""
    mean, log_variance = (part.astype(np.float64) for part in posterior(model, images, run.device))
    return mean + np.exp(0.5 * log_variance) * rng.standard_normal(mean.shape)


def fit_map(codes: np.ndarray, components: int, seed: int) -> RosenblattMap:
    """Fit a mixture of Gaussians to codes (N, k) and map N(0, I) to it."""
    from sklearn.mixture import GaussianMixture  # takes long to import

    fitted = GaussianMixture(components, reg_covar=1e-3, max_iter=300, random_state=seed).fit(codes)
    return RosenblattMap(fitted.weights_, fitted.means_, fitted.covariances_)


def fit_judge(task: KnownFaces, run: Run) -> Classifier:
    """Train a small network to predict the attributes, standardised, from the images x; its features judge samples."""
    rng = run.rng()
    judge = Classifier(task.x.shape[1:], rng=rng)
    judge.head = nn.Linear(FEATURES, len(task.names), rng=rng)
    known = ((task.x_known - task.x_known.mean(axis=0)) / task.x_known.std(axis=0)).astype(np.float32)
    run.fit(
        judge.to(run.device),
        lambda x, known: mg.mse_loss(judge(x), known),
        (task.x, known),
        optim.Adam(judge.parameters(), 1e-3),
        rng,
        state="training-judge",
        label="judge",
        batch_size=64,
        epochs=run.choose(quick=1, whole=JUDGE_EPOCHS),
    )
    return judge


def _image(pca: PCA, codes: np.ndarray) -> np.ndarray:
    return pca.decode(codes).clip(0, 1).astype(np.float32)


def decode(model: ConvVAE, codes: np.ndarray, run: Run) -> np.ndarray:
    """Decode codes (n, k) -> images (n, C, H, W)."""
    return run.apply(model.decode, codes.astype(np.float32))
