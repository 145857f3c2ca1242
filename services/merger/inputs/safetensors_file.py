"""The safetensors file: where each tensor lies, read in pieces of bounded size, and rounding to the stored type.

A file is 8 bytes (the header's length, little-endian), a JSON header and the tensors, one after the other without gaps.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
LINE = 4096  # bytes
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

    def at(self, start: int) -> Tensor:
        """The same tensor at another place."""
        return replace(self, start=start, stop=start + self.bytes)

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True)
class TensorFile:
    """A safetensors file's layout: its header, as it is, and the tensors in the order of their bytes."""

    path: Path
    header: bytes
    tensors: dict[str, Tensor]

    @property
    def bytes(self) -> int:
        """How many bytes the whole file takes."""
        return len(self.header) + sum(tensor.bytes for tensor in self.tensors.values())


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
        length = file.read(8)
        header = length + file.read(int.from_bytes(length, "little"))
    entries: dict[str, Any] = json.loads(header[8:])
    entries.pop("__metadata__", None)
    tensors = [locate(name, entry, len(header)) for name, entry in entries.items()]
    return TensorFile(path, header, {t.name: t for t in sorted(tensors, key=lambda t: (t.start, t.stop))})


def locate(name: str, entry: dict[str, Any], header_bytes: int) -> Tensor:
    """Turn a header's entry, whose offsets count from the end of the header, into a Tensor."""
    start, stop = entry["data_offsets"]
    return Tensor(name, entry["dtype"], tuple(entry["shape"]), header_bytes + start, header_bytes + stop)


def make_header(old: bytes, tensors: list[Tensor]) -> bytes:
    """A header for these tensors, one after the other, with the metadata of an old one; padded to 8 bytes as usual."""
    entries: dict[str, Any] = {}
    if "__metadata__" in (known := json.loads(old[8:])):
        entries["__metadata__"] = known["__metadata__"]
    place = 0
    for tensor in tensors:
        offsets = [place, place + tensor.bytes]
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        place += tensor.bytes
    body = json.dumps(entries, separators=(",", ":")).encode()
    body += b" " * (-len(body) % 8)
    return len(body).to_bytes(8, "little") + body


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """A file's descriptor, for reading at positions."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_into(file: int, buffer: memoryview, start: int) -> None:
    """Fill a buffer from position `start`; raises BrokenTensorFile where the file ends early."""
    while buffer:
        count = os.preadv(file, [buffer], start)
        if not count:
            raise BrokenTensorFile("A file ended early.")
        buffer, start = buffer[count:], start + count


def write_from(file: int, buffer: memoryview, start: int) -> None:
    """Write a buffer to position `start`."""
    while buffer:
        count = os.pwrite(file, buffer, start)
        buffer, start = buffer[count:], start + count


def row_blocks(tensor: Tensor, values: int = BLOCK_VALUES, multiple: int = 1) -> Iterator[slice]:
    """Cut a tensor's first axis so that each block has about `values` values, and a multiple of `multiple` rows."""
    rows = tensor.shape[0] if tensor.shape else 1
    step = max(1, values // max(1, math.prod(tensor.shape[1:])) // multiple) * multiple
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))


def byte_range(tensor: Tensor, rows: slice) -> tuple[int, int]:
    """Where some rows of a tensor begin in its file, and how many bytes they take."""
    row_bytes = tensor.bytes // (tensor.shape[0] if tensor.shape else 1)
    return tensor.start + rows.start * row_bytes, (rows.stop - rows.start) * row_bytes


def read_rows(file: int, tensor: Tensor, rows: slice, buffer: NDArray[np.uint8] | None = None) -> NDArray[Any]:
    """Some rows of a floating-point tensor in its stored type, read into `buffer` where one is given."""
    start, count = byte_range(tensor, rows)
    data = np.empty(count, np.uint8) if buffer is None else buffer[:count]
    read_into(file, data.data, start)
    return data.view(FLOATS[tensor.dtype]).reshape(-1, *tensor.shape[1:])


def read_columns(file: int, tensor: Tensor, columns: slice) -> Float32:
    """Some columns of a matrix, as fp32; one read per row, so meant for matrices of few rows."""
    kind = FLOATS[tensor.dtype]
    found = np.empty((tensor.shape[0], columns.stop - columns.start), kind)
    for number, row in enumerate(found):
        place = tensor.start + (number * tensor.shape[1] + columns.start) * kind.itemsize
        read_into(file, row.view(np.uint8).data, place)
    return found.astype(np.float32)


def read_tensor(file: int, tensor: Tensor) -> Float32:
    """One floating-point tensor as fp32."""
    return read_rows(file, tensor, slice(0, tensor.shape[0])).astype(np.float32)


def round_to(values: NDArray[np.floating[Any]], dtype: str, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Round fp32 values to a stored type, to nearest and ties to even; too large ones become infinite."""
    rounded = np.empty(values.shape, FLOATS[dtype]) if out is None else out
    with np.errstate(over="ignore"):  # verify names the tensor in which it happened
        np.copyto(rounded, values, casting="unsafe")
    return rounded


def all_finite(values: NDArray[Any], dtype: str) -> bool:
    """Whether no stored value is NaN or infinite; types that are no floats have none.

    As whole numbers with a sign only these are not below infinity where they are positive, and without a sign not below
    minus infinity where they are negative: two plain passes, and no copy.
    """
    if dtype not in FLOATS or not values.size:
        return True
    kind = FLOATS[dtype]
    signed, unsigned = f"i{kind.itemsize}", f"u{kind.itemsize}"
    infinity, minus_infinity = np.array([np.inf, -np.inf], kind).view(unsigned).tolist()
    return bool(values.view(signed).max() < infinity and values.view(unsigned).max() < minus_infinity)


def same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays of equal size hold the same bytes."""
    first, second = one.reshape(-1).view(np.uint8), other.reshape(-1).view(np.uint8)
    words = np.uint64 if first.size % 8 == 0 else np.uint8
    return np.array_equal(first.view(words), second.view(words))


def checksum(values: NDArray[Any]) -> int:
    """The parities of an array's rows and columns when its bytes lie in lines of 4 KB, as one number.

    Bytes that change, or change places, change it; and it costs a twentieth of what computing the array does.
    """
    data = values.reshape(-1).view(np.uint8)
    whole = data.size // LINE * LINE
    lines = data[:whole].view(np.uint64).reshape(-1, LINE // 8)
    across, down = (np.bitwise_xor.reduce(lines, axis=axis).tobytes() for axis in (0, 1))
    return hash((across, down, data[whole:].tobytes()))
