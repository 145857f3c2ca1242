"""The round trip of a weight through NormalFloat 4 in 4-bit training, as bitsandbytes does it, in numpy.

QLoRA (arXiv:2305.14314): blocks of 64 values are divided by their largest magnitude and rounded to one of 16 levels.
The magnitudes are 8-bit themselves (double quantisation). Devices differ in the last place when they round those, so
training writes them down (`quantised.safetensors`, a byte for each 64 weights).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from scriptorium.errors import MergeFailed
from scriptorium.models.tensor_files import Tensor
from services.merger.inputs.safetensors_file import Float32, round_to

FILE = "quantised.safetensors"
KIND = "nf4, blocks of 64, nested in 256"
BLOCK, GROUP = 64, 256
CODES, GROUPS, OFFSET, LEVELS = ".codes", ".groups", ".offset", "levels"
NF4_LEVELS = np.array(  # quantiles of a normal distribution, scaled to -1..1; zero is one of them
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ],
    np.float32,
)  # fmt: skip
MIDPOINTS = (NF4_LEVELS[:-1] + NF4_LEVELS[1:]) / np.float32(2)


@dataclass(frozen=True)
class RoundTrip:
    """One weight's way through NF4 and back; the scales of its blocks are read when they are needed."""

    path: Path
    module: str

    @cached_property
    def scales(self) -> Float32:
        """The factor of each block's levels."""
        with safe_open(str(self.path), framework="np") as file:
            codes, groups, offset = (file.get_tensor(self.module + suffix) for suffix in (CODES, GROUPS, OFFSET))
            levels = file.get_tensor(LEVELS)
        scales: Float32 = levels[codes] * np.repeat(groups, GROUP)[: len(codes)] + offset
        return scales

    def apply(self, values: NDArray[Any], first: int, dtype: str) -> Float32:
        """Quantise and dequantise stored values, starting at the weight's value `first`; rounded to their type."""
        blocks = values.astype(np.float32).reshape(-1, BLOCK)
        largest = np.maximum(np.abs(blocks).max(axis=1, keepdims=True), np.float32(1e-38))
        codes = np.searchsorted(MIDPOINTS, blocks * (np.float32(1) / largest))
        start = first // BLOCK
        dequantised = NF4_LEVELS[codes] * self.scales[start : start + len(blocks), None]
        return round_to(dequantised, dtype).astype(np.float32).reshape(values.shape)


def find_quantised(training: Path) -> dict[str, RoundTrip]:
    """Return the weights that were 4-bit in training, by name, if any. Raises MergeFailed for another quantisation."""
    path = training / FILE
    if not path.exists():
        return {}
    try:
        with safe_open(str(path), framework="np") as file:
            kind, names = (file.metadata() or {}).get("kind"), list(file.keys())
    except (SafetensorError, OSError) as error:
        raise MergeFailed(f"{FILE} is not readable: {error}", param=FILE, next_step="Train again.") from error
    if kind != KIND:
        raise MergeFailed(f"The base was quantised as {kind}; only {KIND} can be repeated.", param=FILE)
    modules = [name.removesuffix(CODES) for name in names if name.endswith(CODES)]
    return {f"{module}.weight": RoundTrip(path, module) for module in modules}


def is_repeatable(tensor: Tensor, round_trip: RoundTrip) -> bool:
    """Return whether blocks do not cross rows, and each has a scale."""
    count = int(np.prod(tensor.shape))
    return tensor.shape[-1] % BLOCK == 0 and len(round_trip.scales) == count // BLOCK
