"""Linear autoencoder: trained by gradients alone, it finds the subspace of PCA, but not its axes.

Trains 784-32-784 without a nonlinearity, with free and with tied weights, on centred digits by full-batch L-BFGS, and
follows the largest angle between its subspace and PCA's. Baldi & Hornik 1989.
On real digits: python -m demos linear_autoencoder --data mnist
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import orth, orthogonal_procrustes
from tqdm import tqdm

from demos import figures
from demos.data import load
from demos.evaluation.linear import PCA, largest_angle
from demos.run import Run
from minigrad import Tensor, keep_memory, no_grad, optim
from models.linear import LinearAutoencoder, squared_error

DATASETS = ["glyphs", "mnist"]
ITERATIONS = 600
CODE = 32
WEIGHTS = {"free": False, "tied": True}
SHOWN = 14  # components, and images


def main(args) -> None:
    train, test = (512, 256) if args.quick else (8000, 2000)
    data = load(args.data, seed=args.seed, train=train, test=test)
    x, y = data.train_images[:train], data.test_images[:test]
    iterations = 30 if args.quick else ITERATIONS
    run = Run("linear_autoencoder", args, iterations=iterations, images=len(x))
    print(f"{args.data}: {len(x)} train, {len(y)} test images, {CODE} components")
    pca = PCA(x, CODE)
    rows, components = {"input": y[:SHOWN], "PCA": pca.reconstruct(y[:SHOWN])}, {"PCA": pca.components.T}
    angles, excesses = {}, {}
    for name in WEIGHTS:
        model, angles[name], excesses[name] = fit(name, x, pca, iterations, run)
        rows[f"{name} weights"] = judge(name, model, (x, y), pca, run)[:SHOWN]
        basis = model.to("cpu").basis().numpy()
        components[f"{name} weights"] = basis
        components[f"{name} weights, turned"] = turn(basis, pca.components.T)
    figures.image_rows(rows, run.out / "reconstructions.png")
    figures.image_rows({label: tiles(B) for label, B in components.items()}, run.out / "components.png")
    angle, excess = "largest angle to the subspace of PCA, degrees", "training error / that of PCA - 1"
    figures.curves(angles, run.out / "angle.png", "iteration of L-BFGS", angle)
    figures.curves(excesses, run.out / "excess.png", "iteration of L-BFGS", excess)
    run.save()


def fit(name: str, x: np.ndarray, pca: PCA, iterations: int, run: Run) -> tuple[LinearAutoencoder, list, list]:
    """Train on images x; return the network and, by iteration, its angle to PCA and its error in excess of PCA's."""
    keep_memory()
    centred = x.reshape(len(x), -1) - pca.mean
    tied = WEIGHTS[name]
    model = LinearAutoencoder(CODE, features=centred.shape[1], tied=tied, rng=run.rng(tied))
    model.to(run.device, np.float64)
    batch = Tensor(same_covariance(centred)).to(run.device)
    least = np.mean((x - pca.reconstruct(x)) ** 2)
    angles, excesses = [], []

    def loss() -> Tensor:
        value = squared_error(model, batch)
        value.backward()
        return value

    def follow(iteration: int, value: float) -> None:
        angles.append(largest_angle(model.basis().to("cpu").numpy(), pca.components.T))
        excesses.append(value / least - 1)
        bar.update()

    with tqdm(total=iterations, desc=f"{name} weights", unit="iteration", mininterval=0.5) as bar:
        optim.LBFGS(model.parameters(), iterations, tolerance=1e-9).step(loss, follow)
    return model, angles, excesses


def same_covariance(x: np.ndarray) -> np.ndarray:
    """Replace N rows by at most D rows with the same mean of x x^T: (N, D) -> (min(N, D), D).

    The error of a linear autoencoder depends on nothing else: with M = I - B A it is the trace of M (mean x x^T) M^T.
    """
    R = np.linalg.qr(x, mode="r")  # R^T R = x^T x
    return R * np.sqrt(len(R) / len(x))


def judge(name: str, model: LinearAutoencoder, images: tuple, pca: PCA, run: Run) -> np.ndarray:
    """Compare errors and angles with those of PCA; return the reconstructions of the test images."""
    for part, x in zip(("train", "test"), images):
        with no_grad():
            centred = Tensor(_flat(x) - pca.mean).to(run.device)
            output = (model(centred).to("cpu").numpy() + pca.mean).reshape(x.shape)
        baselines = {"PCA": np.mean((pca.reconstruct(x) - x) ** 2), "mean_image": np.mean((pca.mean - _flat(x)) ** 2)}
        run.results.add(f"{part} MSE, {name} weights", np.mean((output - x) ** 2), **baselines)
    B, axes = model.basis().to("cpu").numpy(), pca.components.T
    random = largest_angle(run.rng().standard_normal(B.shape), axes)
    run.results.add(f"largest angle, {name} weights", largest_angle(B, axes), random_subspace=random)
    turned = _cosines(turn(B, axes), axes)
    run.results.add(f"mean |cos| to an axis, {name} weights", _cosines(B, axes), turned=turned)
    return output


def turn(B: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Return the orthonormal basis of the span of B (D, k) that is nearest to axes (D, k)."""
    basis = orth(B)
    return basis @ orthogonal_procrustes(basis, axes)[0]


def tiles(B: np.ndarray) -> np.ndarray:
    """Draw the first columns of B (784, k) as images (SHOWN, 1, 28, 28), grey where they are 0."""
    return figures.signed(B.T[:SHOWN].reshape(-1, 1, 28, 28))


def _cosines(B: np.ndarray, axes: np.ndarray) -> float:
    """Average over the columns of B (D, k) the |cos| to the nearest column of axes (D, k)."""
    return np.abs((B / np.linalg.norm(B, axis=0)).T @ axes).max(axis=1).mean()


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
