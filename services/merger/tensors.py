"""The safetensors file: where each tensor lies, read in pieces of bounded size, and rounding to the stored type.

A file is 8 bytes (the header's length, little-endian), a JSON header and the tensors, one after the other without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

Float32 = NDArray[np.float32]

FLOATS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
BLOCK_VALUES = 1 << 20  # 4 MB in fp32: a block and its temporaries stay near the processor's cache
PIECE_BYTES = 4 << 20  # copying gets no faster with larger pieces


class BrokenTensorFile(ValueError):
    """A file is no safetensors file, or is truncated; the caller knows whose file it is and raises its own error."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file; `start` and `stop` are byte positions in the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    @property
    def bytes(self) -> int:
        """How many bytes it takes."""
        return self.stop - self.start

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file's layout: the first byte after the header, and the tensors in the order of their bytes."""

    path: Path
    header_bytes: int
    tensors: dict[str, Tensor]

    @property
    def bytes(self) -> int:
        """How many bytes the whole file takes."""
        return self.header_bytes + sum(tensor.bytes for tensor in self.tensors.values())


def read_layout(path: Path) -> TensorFile:
    """Read a file's header; raises BrokenTensorFile.

    The safetensors library checks first that offsets, shapes and types agree and that the file is as long as they say.
    """
    try:
        with safe_open(str(path), framework="np"):
            pass
    except FileNotFoundError:
        raise BrokenTensorFile(f"{path.name} is missing.") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise BrokenTensorFile(f"{path.name} is not a whole safetensors file: {error}") from error
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header: dict[str, Any] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    tensors = [locate(name, entry, 8 + length) for name, entry in header.items()]
    return TensorFile(path, 8 + length, {t.name: t for t in sorted(tensors, key=lambda t: (t.start, t.stop))})


def locate(name: str, entry: dict[str, Any], header_bytes: int) -> Tensor:
    """Turn a header's entry, whose offsets count from the end of the header, into a Tensor."""
    start, stop = entry["data_offsets"]
    return Tensor(name, entry["dtype"], tuple(entry["shape"]), header_bytes + start, header_bytes + stop)


def pieces(file: BinaryIO, start: int, count: int) -> Iterator[bytes]:
    """Yield `count` bytes from position `start`, piece by piece; raises BrokenTensorFile where the file ends early."""
    file.seek(start)
    while count:
        piece = file.read(min(count, PIECE_BYTES))
        if not piece:
            raise BrokenTensorFile(f"{Path(file.name).name} ended early.")
        count -= len(piece)
        yield piece


def row_blocks(tensor: Tensor, values: int = BLOCK_VALUES) -> Iterator[slice]:
    """Cut a tensor's first axis so that each block has about `values` values, and one row at least."""
    rows = tensor.shape[0]
    step = max(1, values // max(1, math.prod(tensor.shape[1:])))
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def read_rows(file: BinaryIO, tensor: Tensor, rows: slice) -> NDArray[Any]:
    """Read some rows of a floating-point tensor in its stored type; raises BrokenTensorFile like `pieces`."""
    row_bytes = tensor.bytes // tensor.shape[0]
    data = b"".join(pieces(file, tensor.start + rows.start * row_bytes, (rows.stop - rows.start) * row_bytes))
    return np.frombuffer(data, dtype=FLOATS[tensor.dtype]).reshape(-1, *tensor.shape[1:])


def read_tensor(path: Path, tensor: Tensor) -> Float32:
    """Read one floating-point tensor as fp32."""
    with path.open("rb") as file:
        return read_rows(file, tensor, slice(0, tensor.shape[0])).astype(np.float32)


def round_to(values: Float32, dtype: str) -> NDArray[Any]:
    """Round fp32 values to a stored type, to nearest and ties to even; too large ones become infinite."""
    with np.errstate(over="ignore"):  # verify names the tensor in which it happened
        return values.astype(FLOATS[dtype])
