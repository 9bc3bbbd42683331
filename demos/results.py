"""The numbers of a demo: printed beside their baselines, and written to metrics.json."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from demos.files import written_whole


class Results:
    """Numbers by name, each with what it is compared with."""

    def __init__(self, demo: str, **settings: Any):
        self.record: dict[str, Any] = {"demo": demo, "settings": settings, "metrics": {}}

    def note(self, **settings: Any) -> None:
        """Keep settings that training does not depend on: metrics.json alone shows them."""
        self.record["settings"] |= settings

    def add(self, name: str, value: float, **baselines: float) -> None:
        """Print a number and its baselines, measured in the same run, and keep them."""
        figures = {k: float(v) for k, v in ({"value": value} | baselines).items()}
        self.record["metrics"][name] = {k: v if math.isfinite(v) else None for k, v in figures.items()}  # as JSON wants
        beside = ", ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in baselines.items())
        print(f"  {name:<44} {value:.4g}" + (f"   ({beside})" if beside else ""))

    def save(self, folder: Path) -> None:
        """Write metrics.json, whole or not at all."""
        with written_whole(folder / "metrics.json") as aside:
            aside.write_text(json.dumps(self.record, indent=2) + "\n")
        print(f"pictures and metrics.json are in {folder}")
