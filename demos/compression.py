"""Compression: pictures and sounds in files of our own, smaller than JPEG's and mu-law's where the codec has learnt.

Trains a convolutional autoencoder whose code is rounded and written by an arithmetic coder, for pictures and again for
sounds, each for several rates at once. Then measures on unseen ones, in bytes of real files, what JPEG, WebP and AVIF
make of as many bytes, with headers and without; how large the codec itself is; and how it fails on other pictures.
Files of your own, once it is trained: python -m demos compression --encode photo.png --decode photo.mg (or song.wav)
On real pictures: --data mnist, olivetti or a folder. Ballé, Laparra & Simoncelli, arXiv 1611.01704.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from demos import convert, figures, options
from demos.codec import Codec, read_header
from demos.data import load
from demos.data.atoms import SAMPLE_RATE, melodies
from demos.data.augment import bend
from demos.data.photos import photo
from demos.data.sound import from_samples, to_samples, write_wav
from demos.evaluation import codecs
from demos.evaluation.codecs import largest_within, mu_law, psnr_of, snr
from demos.run import Run
from minigrad import Tensor, optim
from models.compression import Compressor, rate_distortion

DATASETS = ["faces", "glyphs", "mnist", "olivetti", "FOLDER"]
EPOCHS = {"faces": 8, "glyphs": 12, "mnist": 6, "olivetti": 60, "FOLDER": 8}
BATCHES = {"glyphs": 32, "mnist": 32}  # of others 16
TRAIN, TEST = 2000, 100  # pictures that are drawn
MOST = 6000  # pictures of a data set that are trained on
FEW = 1000  # pictures, below which each is bent every time that it is seen
BEND = {"affine": 0.1, "shift": 0.06, "elastic": 0.05, "mirror": True}

PICTURES = {"widths": (32, 48, 64), "code": 64, "weights": (0.0001, 0.0003, 0.001, 0.003, 0.01), "stride": 2, "dims": 2}
SOUNDS = {"widths": (32, 64), "code": 64, "weights": (0.003, 0.012, 0.05, 0.2, 0.8), "stride": 4, "dims": 1}
PIECES, HEARD, LENGTH = 1000, 30, 8192  # melodies to train on and to test with, and their samples
CUT = 2048  # samples of a piece that is trained on
SOUND_EPOCHS, SOUND_BATCH = 3, 16
LEARNING_RATE = 1e-2
DENSITIES_RATE = 2e-2  # of gains and densities, which are logarithms and have far to go

SHOWN_RATE = 3  # from 0, the cheapest
SHOWN = 10  # pictures in a row
OFF_DOMAIN = {"hopper": "a photograph", "strokes": "brush strokes", "mosaic": "stained glass"}
PAYLOADS, FILES = "without headers", "in files of their own"  # two of the ways to count bytes
OFF_SIZE = 128  # pixels of their shorter side
LUMA = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)  # of red, green, blue


def add_options(parser) -> None:
    add = parser.add_argument
    add("--only", choices=("pictures", "sounds"), help="train and measure only this codec (default: both)")
    add("--encode", type=options.named, metavar="FILE", help="compress a picture or a .wav, to FILE's name with .mg")
    add("--decode", type=options.named, metavar="FILE.mg", help="decompress a file, to FILE.mg.png or FILE.mg.wav")
    rates = f"from 0, the smallest file, to {len(PICTURES['weights']) - 1} (default: {SHOWN_RATE})"
    add("--rate", type=options.whole(0), default=SHOWN_RATE, help=f"of --encode, {rates}")


def main(args) -> None:
    if args.encode or args.decode:
        convert.convert(args)
        return
    kind = args.data if args.data in EPOCHS else "FOLDER"
    run = Run("compression", args, epochs=EPOCHS[kind], quick_epochs=1)
    if args.only != "sounds":
        study_pictures(kind, run)
    if args.only != "pictures":
        study_sounds(run)
    run.save()


def fit(name: str, shape: dict, x: np.ndarray, batch: int, vary: Callable, run: Run, **settings: Any) -> Codec:
    """Train on x (N, C, ..) in [-1/2, 1/2], every batch varied, and make a codec of it, whose file is noted."""
    rng = run.rng()
    shape = {"channels": x.shape[1], **shape}
    model = Compressor(**shape, rng=rng).to(run.device)
    densities = [model.log_gain, model.log_ungain, model.shares, model.centres, model.log_scales]
    among = set(map(id, densities))
    weights = [parameter for parameter in model.parameters() if id(parameter) not in among]
    run.fit(
        model,
        lambda batch: rate_distortion(model, vary(batch, rng), rng),
        (x,),
        optim.Muon([{"params": weights}, {"params": densities, "lr": DENSITIES_RATE}], LEARNING_RATE),
        rng,
        state=f"training-{name}",
        label=name,
        batch_size=batch,
        **settings,
    )
    codec = Codec(model, shape, depth=8 if shape["dims"] == 2 else 16)
    path = run.out / convert.CODECS[shape["dims"]]
    codec.save(path)
    run.results.add(f"codec of {name}, bytes", path.stat().st_size, of_them_tables=codec.tables.nbytes)
    return codec


# ---- pictures --------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """A rate on the test pictures: mean bytes of files, of payloads, of one file for all; the PSNR; what is decoded."""

    whole: float
    payload: float
    together: float
    psnr: float
    pictures: np.ndarray


class Way(NamedTuple):
    """A way to count bytes per picture: what ours take at each rate, and for each other format sizes and PSNRs."""

    ours: list[float]
    others: dict[str, tuple[np.ndarray, np.ndarray]]


def study_pictures(kind: str, run: Run) -> None:
    """Train on pictures, and measure on unseen ones against other formats at equal bytes."""
    most, train, test = run.choose(quick=(96, 96, 16), whole=(MOST, TRAIN, TEST))
    share = train // 5 if kind == "FOLDER" else test  # a folder may hold few
    data = load(run.args.data, seed=run.seed, train=train, test=share)
    x, y = data.train_images[:most], to_bytes(data.test_images[:test])
    y = y[: math.isqrt(len(y)) ** 2]  # for a square sheet
    print(f"{run.args.data}: {len(x)} pictures to train on, {len(y)} to test with, {y.shape[2]} x {y.shape[3]}")

    def vary(batch: Tensor, rng: np.random.Generator) -> Tensor:
        return bend(batch, rng, **BEND) if len(x) < FEW else batch

    codec = fit("pictures", PICTURES, x - np.float32(0.5), BATCHES.get(kind, 16), vary, run)
    ours = [measure(codec, y, rate) for rate in range(codec.rates)]
    ways = count(ours, y)
    report(ours, ways, 8 / (y.shape[2] * y.shape[3]), run)
    draw_equal_bytes(ours[SHOWN_RATE], y, run)
    study_off_domain(codec, run)


def to_bytes(images: np.ndarray) -> np.ndarray:
    """Round images in [0, 1] to uint8."""
    return np.rint(images * 255).astype(np.uint8)


def measure(codec: Codec, y: np.ndarray, rate: int) -> Measured:
    """Compress every picture into a file of its own, and all of them into one; decode the files."""
    files = [codec.write(picture, rate) for picture in y[:, None]]
    decoded = np.concatenate([codec.read(file)[0] for file in files])
    payload = np.mean([len(read_header(file).code) for file in files])
    whole, together = np.mean([len(file) for file in files]), len(codec.write(y, rate)) / len(y)
    return Measured(whole, payload, together, psnr_of(decoded, y), decoded)


def count(ours: list[Measured], y: np.ndarray) -> dict[str, Way]:
    """Let the other formats code the pictures y, and count all bytes in three ways."""
    payloads, files, sheet = {}, {}, {}
    for name, coder in codecs.codecs().items():
        alone, together = codecs.curve(*coder, y), codecs.curve(*coder, codecs.sheet(y)[None])
        payloads[name] = alone.payload, alone.psnr
        files[name] = alone.whole, alone.psnr
        sheet[name] = together.whole / len(y), together.psnr
    return {
        PAYLOADS: Way([one.payload for one in ours], payloads),
        FILES: Way([one.whole for one in ours], files),
        f"{len(y)} in one file": Way([one.together for one in ours], sheet),
    }


def report(ours: list[Measured], ways: dict[str, Way], bits: float, run: Run) -> None:
    """Note and draw each rate's size and PSNR, and the others' PSNR at equal bytes; a byte is `bits` bits per pixel."""
    for rate, one in enumerate(ours):
        run.results.add(f"bits per pixel, rate {rate}", bits * one.payload, with_header=bits * one.whole)
        for name, way in ways.items():
            baselines = {other: codecs.at_bytes(*points, way.ours[rate]) for other, points in way.others.items()}
            run.results.add(f"PSNR, {name}, rate {rate}", one.psnr, **baselines)
    smallest = {other: bits * sizes.min() for other, (sizes, _) in ways[PAYLOADS].others.items()}
    run.results.add("smallest payload, bits per pixel", bits * ours[0].payload, **smallest)
    pay_off(ours[SHOWN_RATE], ways, run)
    panels = {}
    for name, way in ways.items():
        panels[name] = {"ours": (bits * np.array(way.ours), [one.psnr for one in ours])}
        panels[name] |= {other: (bits * sizes, psnr) for other, (sizes, psnr) in way.others.items()}
    figures.rate_distortion(panels, run.out / "curves.png", "bits per pixel", "PSNR, dB")


def pay_off(one: Measured, ways: dict[str, Way], run: Run) -> None:
    """Note the bytes saved in files of their own, and after how many pictures the codec has paid for itself."""
    sizes, psnr = ways[FILES].others["JPEG"]
    saved = codecs.bytes_at(sizes, psnr, one.psnr) - one.whole
    codec = (run.out / convert.CODECS[2]).stat().st_size
    pays = {"pictures_until_the_codec_is_paid": codec / saved} if saved > 0 else {}
    run.results.add(f"bytes saved against JPEG, rate {SHOWN_RATE}", saved, **pays)


def draw_equal_bytes(one: Measured, y: np.ndarray, run: Run) -> None:
    """Draw some pictures, and what each format makes of them in as many bytes of payload as ours has."""
    chosen = np.arange(len(y))[:: max(1, len(y) // SHOWN)][:SHOWN]
    truth = y[chosen]
    found = {"ours": (one.pictures[chosen], one.payload)}
    for name, (coder, _) in codecs.codecs().items():
        coded = [largest_within(coder, picture, round(one.payload)) for picture in truth]
        found[name] = np.stack([c.picture for c in coded]), np.mean([c.payload for c in coded])
    rows = {"unseen": truth}
    for name, (decoded, size) in found.items():
        least = ", its least" if size > 1.02 * one.payload else ""
        rows[f"{name}, {size:.0f} bytes{least}\n{psnr_of(decoded, truth):.1f} dB"] = decoded
    figures.image_rows({label: images / 255 for label, images in rows.items()}, run.out / "equal_bytes.png", 0.9)


def study_off_domain(codec: Codec, run: Run) -> None:
    """Compress pictures of kinds that the codec has not learnt, where JPEG has to win, and draw them."""
    columns, titles = [], []
    for name, what in OFF_DOMAIN.items():
        picture = photo(name, OFF_SIZE)
        if codec.shape["channels"] == 1:
            picture = (picture * LUMA).sum(axis=0, keepdims=True)
        y = to_bytes(picture)
        file = codec.write(y[None], SHOWN_RATE)
        ours, size = codec.read(file)[0][0], len(read_header(file).code)
        jpeg = largest_within(codecs.jpeg, y, size)
        figure = f"PSNR, {PAYLOADS}, {what}, rate {SHOWN_RATE}"
        run.results.add(figure, psnr_of(ours, y), JPEG=psnr_of(jpeg.picture, y), bytes=size, bytes_of_JPEG=jpeg.payload)
        columns.append([image / 255 for image in (y, ours, jpeg.picture)])
        titles.append(f"{what}, {size} bytes\nours {psnr_of(ours, y):.1f}, JPEG {psnr_of(jpeg.picture, y):.1f} dB")
    figures.image_table(columns, titles, ["original", "ours", "JPEG"], run.out / "off_domain.png", 2.6)


# ---- sounds ----------------------------------------------------------------------------------------------------------


def study_sounds(run: Run) -> None:
    """Train on melodies, and measure on notes never heard against mu-law at equal bytes; write some to listen to."""
    pieces, heard = run.choose(quick=(8, 2), whole=(PIECES, HEARD))
    x = melodies(pieces, length=LENGTH, seed=run.seed).reshape(-1, 1, CUT) / 2
    y = to_samples(melodies(heard, split="test", length=LENGTH, seed=run.seed))
    print(f"sounds: {pieces} pieces of {LENGTH / SAMPLE_RATE:.1f} s to train on, {heard} of other notes to test with")

    def vary(batch: Tensor, rng: np.random.Generator) -> Tensor:
        sign = Tensor(rng.choice(np.float32([-1, 1]), (len(batch), 1, 1))).to(batch.device)
        return batch * sign

    epochs = run.epochs if run.args.epochs is not None else run.choose(quick=1, whole=SOUND_EPOCHS)
    codec = fit("sounds", SOUNDS, x, SOUND_BATCH, vary, run, epochs=epochs)
    truth, sizes = from_samples(y), []
    ours, law = [], []
    for rate in range(codec.rates):
        files = [codec.write(piece, rate, SAMPLE_RATE) for piece in y[:, None]]
        sizes.append(np.mean([len(file) for file in files]))
        ours.append(from_samples(np.concatenate([codec.read(file)[0] for file in files])))
        law.append(mu_law(truth, 8 * sizes[-1] / LENGTH))
        run.results.add(f"bits per sample, with header, rate {rate}", 8 * sizes[-1] / LENGTH)
        run.results.add(f"SNR of unseen notes, rate {rate}", snr(ours[-1], truth), mu_law=snr(law[-1], truth))
    bits = 8 / LENGTH * np.array(sizes)
    lines = {name: (bits, [snr(x, truth) for x in found]) for name, found in (("ours", ours), ("mu-law", law))}
    figures.rate_distortion({"unseen notes": lines}, run.out / "sound_curves.png", "bits per sample", "SNR, dB")
    size = f"{sizes[SHOWN_RATE]:.0f} bytes"
    heard = {"unseen": truth[0], f"ours, {size}": ours[SHOWN_RATE][0], f"mu-law, {size}": law[SHOWN_RATE][0]}
    figures.spectrograms(heard, SAMPLE_RATE, run.out / "sound.png")
    for name, sound in zip(("original", "ours", "mu_law"), heard.values()):
        write_wav(to_samples(sound[None]), SAMPLE_RATE, run.out / f"sound_{name}.wav")
