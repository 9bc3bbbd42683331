"""Benchmark: training steps, passes over arrays and kernels against PyTorch, and what the engine adds to an operation.

The two libraries run in processes that take turns, and the ratio is taken pair by pair, so that a machine whose speed
drifts still compares them fairly. PyTorch is optional: pip install torch. With --device cuda the kernels alone are
timed, against cuDNN in float32 without TF32. --profile STEP shows where the time of one step goes, and --growth how it
grows with the batch, the channels and the images.
"""

from __future__ import annotations

import importlib.util
import math
from argparse import ArgumentTypeError
from statistics import median
from typing import Any

from demos import options
from demos.benchmark import growth, overhead, shapes
from demos.benchmark.turns import WITHOUT_AVX512, Turns, compare
from demos.results import Results
from minigrad.kernels.threads import thread_count

PAIRS = 5
STEPS = (
    *("dense_vae", "conv_ae", "conv_vae64", "vgg_block", "dense_ae", "linear_ae", "sparse", "siamese", "faces_vae"),
    *("style_transfer", "translation", "residual", "unet", "depthwise", "attention", "gru", "lstm", "warp"),
    *("large_mlp", "tiny_mlp", "dcgan", "large_image"),
)


def add_options(parser) -> None:
    add = parser.add_argument
    add("--pairs", type=options.whole(1), help=f"turns of each library (default: {PAIRS})")
    add("--steps", type=steps, help=f"time these steps alone, with commas between them: of {', '.join(STEPS)}")
    add(
        "--without-avx512", action="store_true", help="let both libraries compute as on a processor that has AVX2 alone"
    )
    add("--growth", action="store_true", help="table and picture of how the time of a step grows, and no more")
    add("--scaling", action="store_true", help="two ranks beside two threads, and a model of 1,024 machines, no more")
    add("--profile", type=step, metavar="STEP", help="table and picture of the ops of one step here, and no more")


def step(text: str) -> str:
    """Read the name of a step."""
    if text not in STEPS:
        raise ArgumentTypeError(f"{text!r} is no step; the steps are {', '.join(STEPS)}")
    return text


def steps(text: str) -> list[str]:
    """Read names of steps."""
    return [step(name) for name in text.split(",")]


def main(args) -> None:
    pairs = args.pairs or (1 if args.quick else PAIRS)
    results = Results("benchmark", device=args.device, pairs=pairs, cores=thread_count())
    if args.scaling:
        from demos.benchmark.scaling import show as show_scaling

        show_scaling(results, args)
        return
    if args.profile:
        from demos.benchmark.profile import show

        show(args.profile, results, args)
        return
    if args.without_avx512:
        results.note(processor="as if without AVX-512")
        print("as on a processor without AVX-512: the libraries were told so by")
        for name, value in WITHOUT_AVX512.items():
            print(f"  {name}={value}")
    libraries = ["ours"]
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed, so only our own times follow; pip install torch to compare")
    else:
        libraries.append("pytorch")

    turns = Turns(libraries, pairs, args.quick, WITHOUT_AVX512 if args.without_avx512 else {})
    if args.growth:
        growth.show(results, turns, args.out)
        return
    gemm, bandwidth = turns.once("rates", args.device)
    results.add("products of large matrices: Gflop/s", gemm / 1e9)
    results.add("copies of large arrays: GB/s", bandwidth / 1e9)
    if args.steps is None:
        add_kernels(results, turns, args.device, gemm, bandwidth)
    if args.device == "cpu":
        add_steps(results, turns, args.steps or STEPS)
    if args.device == "cpu" and args.steps is None:
        add_passes(results, turns, bandwidth)
        for name, (ours_us, numpy_us) in overhead.measure(args.quick).items():
            results.add(f"{name}: microseconds", ours_us, NumPy=numpy_us)
    results.save(args.out)


def add_kernels(results: Results, turns: Turns, device: str, gemm: float, bandwidth: float) -> None:
    """Add the time of each kernel on each shape, and its share of what the machine can do."""
    found = turns.take("kernels", device)
    for shape in shapes.CPU if device == "cpu" else shapes.GPU:
        floor = 1e3 * max(shape.work / gemm, shape.traffic / bandwidth)  # ms: the roofline
        for kernel in shapes.KERNELS:
            name = f"{kernel} {shape}"
            times = {library: [turn[name] for turn in found[library]] for library in found}
            ms = median(times["ours"])
            shares = {"share_of_products": shape.work / (1e-3 * ms) / gemm, "of_roofline": floor / ms}
            results.add(f"{name}: ms", ms, **compare(times), **shares)


def add_steps(results: Results, turns: Turns, names: Any) -> None:
    """Add the time and the peak memory of each training step, and the geometric mean of the ratios."""
    ratios = []
    for group in [names] if turns.quick else [[name] for name in names]:  # a process for each, or one for all
        found = turns.take("steps", ",".join(group))
        for name in group:
            times, sizes = ({of: [turn[name][i] for turn in found[of]] for of in found} for i in (0, 1))
            compared = compare(times)
            ratios += [compared["ratio"]] if compared else []
            memory = {f"MB_{library}": max(size) for library, size in sizes.items()}
            results.add(f"{name}: ms a step", median(times["ours"]), **compared, **memory)
    if ratios:
        results.add("steps: geometric mean of the ratios", math.exp(sum(map(math.log, ratios)) / len(ratios)))


def add_passes(results: Results, turns: Turns, bandwidth: float) -> None:
    """Add how fast element-wise ops and reductions pass over large arrays, and the share of the rate of copies."""
    found = turns.take("passes", "cpu")
    for name, arrays in shapes.PASSES.items():
        times = {library: [turn[name] for turn in found[library]] for library in found}
        rate = 4 * math.prod(shapes.SIZE) * arrays / (1e-3 * median(times["ours"]))
        results.add(
            f"{name}: GB/s", rate / 1e9, share_of_copies=rate / bandwidth, ms=median(times["ours"]), **compare(times)
        )
