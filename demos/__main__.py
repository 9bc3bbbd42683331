"""List the demos, or run one: python -m demos [NAME [options]]."""

import argparse
import importlib
import sys
from pathlib import Path

DEMOS = [
    "autoencoder",
    "linear_autoencoder",
    "sparse",
    "denoising",
    "vae",
    "faces",
    "siamese",
    "deforming",
    "deforming_faces",
    "relighting",
    "style_transfer",
    "feature_visualization",
    "deep_dream",
    "convolution",
    "checkerboard",
    "benchmark",
]


def main(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print("python -m demos NAME [--help], where NAME is one of\n")
        for name in DEMOS:
            print(f"  {name:<22}{_demo(name).__doc__.splitlines()[0]}")
        return 0
    if argv[0] not in DEMOS:
        print(f"demos: there is no demo {argv[0]!r}; there are {', '.join(DEMOS)}", file=sys.stderr)
        return 2
    demo = _demo(argv[0])
    args = _parser(argv[0], demo).parse_args(argv[1:])
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        demo.main(args)
    except KeyboardInterrupt:
        resume = " --resume" if "--resume" not in argv and hasattr(demo, "EPOCHS") else ""
        print(f"\nstopped; go on with: python -m demos {' '.join(argv)}{resume}")
        return 130
    except (ValueError, OSError, RuntimeError) as error:  # what the user can mend: a wrong option, file, device
        print(f"demos {argv[0]}: {error}", file=sys.stderr)
        return 1
    return 0


def _count(text: str) -> int:
    """Read a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def _either(default) -> str:
    """Say a default that may depend: 20, or {"digits": 20, "faces": 70} as 20 for digits, 70 for faces."""
    return ", ".join(f"{n} for {what}" for what, n in default.items()) if isinstance(default, dict) else str(default)


def _demo(name: str):
    return importlib.import_module(f"demos.{name}")


def _parser(name: str, demo) -> argparse.ArgumentParser:
    """Return the options that every demo has, those of every one that trains, and those that it adds itself."""
    parser = argparse.ArgumentParser(
        f"python -m demos {name}", description=demo.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out = Path("out") / name
    parser.add_argument("--out", type=Path, default=out, help=f"folder of the results (default: {out})")
    parser.add_argument("--quick", action="store_true", help="a run of seconds, to see that all works")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    if hasattr(demo, "EPOCHS"):  # it trains
        data, default = ", ".join(demo.DATASETS), demo.DATASETS[0]
        parser.add_argument("--data", default=default, help=f"data set, one of {data} (default: {default})")
        parser.add_argument("--epochs", type=_count, help=f"passes over the data (default: {_either(demo.EPOCHS)})")
        parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")
    if hasattr(demo, "add_options"):
        demo.add_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
