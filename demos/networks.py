"""The network that judges a painted picture: its options, and the best one at hand where none is named."""

from __future__ import annotations

from demos import options
from demos.data.weights import NAMES, find_weights, load_features
from models.features import Features


def add_options(parser) -> None:
    """Add --features and --weights."""
    add = parser.add_argument
    add("--features", choices=NAMES, help="network (default: squeezenet with its weights at hand, else random)")
    add("--weights", type=options.named, metavar="FILE", help="those of --features, .safetensors or torchvision's .pth")


def choose_features(args) -> tuple[str, Features]:
    """Load the network asked for, or the best one that needs no download, and print its name."""
    name = args.features or ("squeezenet" if args.weights or find_weights("squeezenet") else "random")
    features = load_features(name, args.weights).to(args.device)
    why = "" if args.features or name != "random" else "; --features squeezenet downloads 5 MB once and paints better"
    print(f"network: {name}{why}")
    return name, features
