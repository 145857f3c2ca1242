"""How large a model is, read from the headers of its safetensors files."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import safe_open


def count_parameters(folder: Path) -> int | None:
    """The number of weights in a model's folder; None where it holds none."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="numpy") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total or None
