"""Values of a safetensors file: reads in pieces of bounded size, rounding to the stored type, and headers of new files.

The place of each tensor is in `scriptorium.models.tensor_files`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from scriptorium.models.tensor_files import BrokenTensorFile, Tensor

Float32 = NDArray[np.float32]

FLOATS: dict[str, np.dtype[Any]] = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
BLOCK_VALUES = 1 << 20  # 4 MB in fp32: a block and its temporaries stay near the processor's cache
LINE_BYTES = 4096  # bytes
PIECE_BYTES = 4 << 20  # copying gets no faster with larger pieces


def make_header(old: bytes, tensors: list[Tensor]) -> bytes:
    """Make a header for consecutive tensors, with the metadata of an old header; padded to 8 bytes as usual."""
    entries: dict[str, Any] = {}
    if "__metadata__" in (old_entries := json.loads(old[8:])):
        entries["__metadata__"] = old_entries["__metadata__"]
    offset = 0
    for tensor in tensors:
        offsets = [offset, offset + tensor.bytes]
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": offsets}
        offset += tensor.bytes
    body = json.dumps(entries, separators=(",", ":")).encode()
    body += b" " * (-len(body) % 8)
    return len(body).to_bytes(8, "little") + body


@contextmanager
def open_descriptor(path: Path) -> Iterator[int]:
    """Yield a file's descriptor, for reading at positions."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_into(file: int, buffer: memoryview, start: int) -> None:
    """Fill a buffer from position `start`; raises BrokenTensorFile if the file ends early."""
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
    """Return where some rows of a tensor begin in its file, and how many bytes they take."""
    row_bytes = tensor.bytes // (tensor.shape[0] if tensor.shape else 1)
    return tensor.start + rows.start * row_bytes, (rows.stop - rows.start) * row_bytes


def read_rows(file: int, tensor: Tensor, rows: slice, buffer: NDArray[np.uint8] | None = None) -> NDArray[Any]:
    """Read some rows of a floating-point tensor in its stored type, into `buffer` if there is one."""
    start, count = byte_range(tensor, rows)
    data = np.empty(count, np.uint8) if buffer is None else buffer[:count]
    read_into(file, data.data, start)
    return data.view(FLOATS[tensor.dtype]).reshape(-1, *tensor.shape[1:])


def read_columns(file: int, tensor: Tensor, columns: slice) -> Float32:
    """Read some columns of a matrix as fp32; one read per row, so meant for matrices of few rows."""
    dtype = FLOATS[tensor.dtype]
    values = np.empty((tensor.shape[0], columns.stop - columns.start), dtype)
    for number, row in enumerate(values):
        start = tensor.start + (number * tensor.shape[1] + columns.start) * dtype.itemsize
        read_into(file, row.view(np.uint8).data, start)
    return values.astype(np.float32)


def read_tensor(file: int, tensor: Tensor) -> Float32:
    """Read a floating-point tensor as fp32."""
    return read_rows(file, tensor, slice(0, tensor.shape[0])).astype(np.float32)


def round_to(values: NDArray[np.floating[Any]], dtype: str, out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Round fp32 values to a stored type, to nearest and ties to even; too large ones become infinite."""
    rounded = np.empty(values.shape, FLOATS[dtype]) if out is None else out
    with np.errstate(over="ignore"):  # verify names the tensor in which it happened
        np.copyto(rounded, values, casting="unsafe")
    return rounded


def all_finite(values: NDArray[Any], dtype: str) -> bool:
    """Return whether no stored value is NaN or infinite; types other than floats have none.

    Read as signed integers, only these values are not below infinity if positive; read as unsigned ones, only these are
    not below minus infinity if negative: two plain passes, and no copy.
    """
    if dtype not in FLOATS or not values.size:
        return True
    kind = FLOATS[dtype]
    signed, unsigned = f"i{kind.itemsize}", f"u{kind.itemsize}"
    infinity, minus_infinity = np.array([np.inf, -np.inf], kind).view(unsigned).tolist()
    return bool(values.view(signed).max() < infinity and values.view(unsigned).max() < minus_infinity)


def same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Return whether two arrays of equal size hold the same bytes."""
    first, second = one.reshape(-1).view(np.uint8), other.reshape(-1).view(np.uint8)
    words = np.uint64 if first.size % 8 == 0 else np.uint8
    return np.array_equal(first.view(words), second.view(words))


def checksum(values: NDArray[Any]) -> int:
    """Return the parities of an array's rows and columns, with its bytes in lines of 4 KB, as one number.

    Bytes that change, or change places, change it; it costs a twentieth of what computing the array does.
    """
    data = values.reshape(-1).view(np.uint8)
    end = data.size // LINE_BYTES * LINE_BYTES
    lines = data[:end].view(np.uint64).reshape(-1, LINE_BYTES // 8)
    columns, rows = (np.bitwise_xor.reduce(lines, axis=axis).tobytes() for axis in (0, 1))
    return hash((columns, rows, data[end:].tobytes()))
