"""One run of a demo: its options, its random numbers, what its training depends on, and its results.

Every demo makes a Run from its options first and passes it to its functions. The Run knows the folder, the device, the
seed and the number of epochs, so that training a network and applying one take a single call each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from demos.results import Results
from demos.step import PLAIN, Step, batches
from demos.training import apply, train
from minigrad import Tensor, nn, no_grad, saving

BATCH = 250  # images that see and decode take at a time


class Run:
    """What the functions of a demo share.

    args: the options of the command line. epochs: passes over the data unless --epochs gives another number, or --quick
    asks for quick_epochs; None for a demo without --epochs. settings: whatever else training depends on. They stand in
    metrics.json and in every training state, which can only be resumed under the same settings.
    """

    def __init__(self, demo: str, args: Any, *, epochs: int | None = None, quick_epochs: int = 2, **settings: Any):
        self.args, self.out = args, args.out
        self.device, self.seed, self.quick = args.device, args.seed, args.quick
        self.settings: dict[str, Any] = {"data": args.data} if hasattr(args, "data") else {}
        self.settings["seed"] = args.seed
        if epochs is not None:
            asked = args.epochs is not None
            self.epochs = args.epochs if asked else self.choose(quick=quick_epochs, whole=epochs)
            self.settings["epochs"] = self.epochs
        self.settings |= settings
        self.results = Results(demo, **self.settings)
        if hasattr(args, "command"):  # no Python program drives the demo, but a command line
            self.results.record["command"] = args.command

    def choose(self, *, quick: Any, whole: Any) -> Any:
        """Return what a quick run takes, or what a whole run takes, whichever this is."""
        return quick if self.quick else whole

    def rng(self, *stream: int) -> np.random.Generator:
        """Make a random generator from the seed. Different streams of one seed are independent of each other."""
        return np.random.default_rng([self.seed, *stream])

    def tensor(self, x: np.ndarray) -> Tensor:
        """Put an array on the run's device, without a copy where it is there already."""
        return Tensor.wrap(x).to(self.device)

    def fit(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor],
        arrays: tuple[np.ndarray, ...],
        optimizer: Any,
        rng: np.random.Generator,
        /,
        *,
        state: str,
        label: str,
        batch_size: int,
        decay: bool = True,
        warm_up: int = 0,
        step: Step = PLAIN,
        **settings: Any,
    ) -> list[float]:
        """Train a model that is on the run's device -> the mean loss of every epoch; see training.train.

        state: name of the file in the run's folder that --resume continues from. label: name beside the progress bar.
        settings: what this training alone depends on; epochs=.. among them replaces the run's number of epochs.
        """
        depends_on = {**self.settings, "images": len(arrays[0]), **settings}
        return train(
            model,
            loss,
            arrays,
            optimizer,
            epochs=depends_on["epochs"],
            rng=rng,
            batch_size=batch_size,
            decay=decay,
            warm_up=warm_up,
            step=step,
            path=self.out / f"{state}.safetensors",
            resume=self.args.resume,
            settings=depends_on,
            label=label,
            device=self.device,
        )

    def apply(self, f: Callable[[Tensor], Tensor], x: np.ndarray, batch_size: int = 500) -> np.ndarray:
        """Compute f on all of x, batch by batch and without recording -> one array."""
        return apply(f, x, batch_size, self.device)

    def see(self, model: Any, x: np.ndarray) -> tuple[Any, Any]:
        """Encode images x and decode the codes again -> (decoded, codes): the model's own named tuples, of arrays."""
        decoded, codes = [], []
        with no_grad():
            for index in batches(len(x), BATCH):
                code = model.encode(self.tensor(x[index]))
                codes.append(code)
                decoded.append(model.decode(code))
        return _joined(decoded), _joined(codes)

    def decode(self, model: Any, codes: Any) -> Any:
        """Decode a named tuple of codes, arrays of (N, k) -> the model's own named tuple, of arrays."""
        decoded = []
        with no_grad():
            for index in batches(len(codes[0]), BATCH):
                code = type(codes)(*(self.tensor(part[index]) for part in codes))
                decoded.append(model.decode(code))
        return _joined(decoded)

    def keep(self, name: str, arrays: Mapping[str, np.ndarray], **notes: Any) -> None:
        """Write arrays, a model's state_dict for example, and notes to name.safetensors in the run's folder."""
        saving.save(self.out / f"{name}.safetensors", arrays, self.settings | notes)

    def save(self) -> None:
        """Write metrics.json into the run's folder."""
        self.results.save(self.out)


def _joined(parts: list[Any]) -> Any:
    """Join named tuples of Tensors, one for each batch, field by field -> one named tuple of arrays."""
    fields = [np.concatenate([t.to("cpu").numpy() for t in field]) for field in zip(*parts)]
    return type(parts[0])(*fields)
