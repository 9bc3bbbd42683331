"""Face swap: what one person does, worn by another, from pictures of both in which no two poses are the same.

Trains one encoder with a decoder per person on drawn people, A and B, of whom every true swap can be drawn too. Two
autoencoders trained apart, the encoder of one with the decoder of the other, and the picture of B whose pose is nearest
are baselines. Real faces: --data FOLDER with a sub-folder for each person, two or more, and all pictures of one size,
cut alike; measures that need the truth are then left out.
"""

from __future__ import annotations

import itertools

import numpy as np

from demos import figures
from demos.data import cast, faces, folder
from demos.data.cast import Cast
from demos.data.known import cut, cut_with_landmarks
from demos.evaluation.images import mse, psnr
from demos.evaluation.landmarks import mean_error, regress
from demos.evaluation.linear import PCA
from demos.run import Run
from minigrad import optim
from models.face_swap import FaceSwap, swap_loss

DATASETS = ["faces", "FOLDER"]
EPOCHS = 20
TRAIN, TEST = 600, 100  # images of each person
WIDTH = 8
CODE = 16
BATCH = 16  # of each person
LEARNING_RATE = 1e-2
SHOWN = 9  # images in a row
FRAMES = 12  # of a movement
POSE = ("yaw", "pitch")
JUDGE_CODE = 64  # numbers of the PCA that landmarks are read off


def main(args) -> None:
    people = choose(args)
    run = Run("face_swap", args, epochs=EPOCHS)
    for name, x, y in zip(people.names, people.x, people.y):
        print(f"{name}: {len(x)} train, {len(y)} test images")
    shared, apart = fit(people, "one encoder", run, 0), fit(people, "two autoencoders", run, 1, apart=True)
    figures.curves({name: losses for name, _, losses in (shared, apart)}, run.out / "loss.png", "epoch", "mean L1")
    models = {name: model for name, model, _ in (shared, apart)}
    judge_reconstructions(*models.values(), people, run)
    if people.y_scenes is not None:
        judge_swaps(*models.values(), people, run)
    draw_swaps(*models.values(), people, run)
    draw_movement(models["one encoder"], people, run)
    run.save()


def choose(args) -> Cast:
    """Draw or read the people; a quick run takes few images."""
    train, test = (32, 12) if args.quick else (TRAIN, TEST)
    if args.data == "faces":
        return cast.drawn(train, test, args.seed)
    limit = 200 if args.quick else folder.LIMIT
    return cast.from_folder(args.data, limit=limit, seed=args.seed)


def fit(people: Cast, name: str, run: Run, stream: int, apart: bool = False) -> tuple[str, FaceSwap, list[float]]:
    """Train on a batch of each person at a time -> the name, the model and its loss by epoch."""
    rng = run.rng(stream)
    model = FaceSwap(people.x, WIDTH, CODE, apart=apart, rng=rng).to(run.device)
    most = max(map(len, people.x))
    arrays = tuple(np.resize(np.arange(len(x)), most) for x in people.x)  # who has fewer images shows them more often
    history = run.fit(
        model,
        lambda *images: swap_loss(model, images, rng),
        tuple(x[index] for x, index in zip(people.x, arrays, strict=True)),
        optim.Muon(model.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{name.replace(' ', '-')}",
        label=name,
        batch_size=BATCH,
    )
    model.settle([run.apply(lambda z, k=k: model.encode(z, k), x) for k, x in enumerate(people.x)])
    return name, model, history


def worn(model: FaceSwap, images: np.ndarray, person: int, wearer: int, run: Run) -> np.ndarray:
    """Let a wearer do what a person does in images; who wears their own is reconstructed."""
    return run.apply(lambda x: model(x, person, wearer), images)


# ---- measures --------------------------------------------------------------------------------------------------------


def judge_reconstructions(shared: FaceSwap, apart: FaceSwap, people: Cast, run: Run) -> None:
    """Measure how well unseen images of each person are reconstructed."""
    for k, (name, y) in enumerate(zip(people.names, people.y, strict=True)):
        ours, theirs = (mse(worn(model, y, k, k, run), y) for model in (shared, apart))
        run.results.add(f"test MSE, {name} reconstructed", ours, two_autoencoders=theirs)


def judge_swaps(shared: FaceSwap, apart: FaceSwap, people: Cast, run: Run) -> None:
    """Compare every swap with the true one: its pixels, and the landmarks that are read off it."""
    for k, j in itertools.permutations(range(len(people.names)), 2):
        truth, landmarks = cut_with_landmarks(people.truth(k, j))
        ours, theirs = (worn(model, people.y[k], k, j, run) for model in (shared, apart))
        which = f"{people.names[k]} worn by {people.names[j]}"
        run.results.add(
            f"PSNR, {which}",
            psnr(ours, truth),
            nearest_pose=psnr(people.x[j][nearest(people.y_scenes[k], people.x_scenes[j])], truth),
            two_autoencoders=psnr(theirs, truth),
            copy=psnr(people.y[k], truth),
        )
        pca = PCA(people.x[j], min(JUDGE_CODE, len(people.x[j]) - 1))
        codes, known = pca.encode(people.x[j]), people.x_landmarks[j]
        error = {
            name: mean_error(regress(codes, known, pca.encode(images)), landmarks)
            for name, images in (("ours", ours), ("two_autoencoders", theirs), ("read_off_the_truth", truth))
        }
        mean = mean_error(known.mean(axis=0), landmarks)
        run.results.add(f"landmark error, {which}", error.pop("ours"), mean_landmark=mean, **error)


def nearest(scene: faces.Scene, others: faces.Scene) -> np.ndarray:
    """For each image of a scene, find the one among others whose head is turned and nods most like it -> (n,)."""
    a, b = (np.stack([getattr(s, name) for name in POSE], axis=1) for s in (scene, others))
    return np.square(a[:, None] - b).sum(axis=2).argmin(axis=1)


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_swaps(shared: FaceSwap, apart: FaceSwap, people: Cast, run: Run) -> None:
    """Draw images of the first person, reconstructed, and worn by each of the others, beside the truth if it is known.

    back.png has the same of the last person.
    """
    everybody = range(len(people.names))
    for k, file in ((0, "swap.png"), (everybody[-1], "back.png")):
        name, y = people.names[k], people.y[k][:SHOWN]
        rows = {name: y, f"{name} reconstructed": worn(shared, y, k, k, run)}
        for j in everybody:
            if j == k:
                continue
            other = people.names[j]
            rows[f"worn by {other}: swap"] = worn(shared, y, k, j, run)
            if people.y_scenes is not None:
                rows[f"{other}, the truth"] = cut(people.truth(k, j))[:SHOWN]
            rows[f"{other}, two autoencoders"] = worn(apart, y, k, j, run)
        figures.image_rows(rows, run.out / file, 0.9)


def draw_movement(model: FaceSwap, people: Cast, run: Run) -> None:
    """Draw frames of the first person, who looks round and smiles, and everybody else doing the same.

    Of photographs the first unseen ones are taken, in the order of their names.
    """
    first, truths = people.y[0][:FRAMES], {}
    if people.y_scenes is not None:
        scene = cast.movement(people.actor(0), FRAMES)
        first = cut(scene)
        truths = {j: cut(cast.played(scene, people.actor(j))) for j in range(1, len(people.names))}
    rows = {f"{people.names[0]} moves": first}
    for j, name in enumerate(people.names[1:], 1):
        rows[f"{name} wears it"] = worn(model, first, 0, j, run)
        if j in truths:
            rows[f"{name}, the truth"] = truths[j]
    figures.image_rows(rows, run.out / "movement.png", 0.8)
