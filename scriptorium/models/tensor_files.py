"""The layout of a safetensors file: the place of each tensor; the values stay on disk.

A file is 8 bytes (the header's length, little-endian), a JSON header and the tensors, one after the other without gaps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open


class BrokenTensorFile(ValueError):
    """A file that is not a safetensors file, or is truncated; the caller knows whose it is and raises its own error."""


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
        """The size in bytes."""
        return self.stop - self.start

    def at(self, start: int) -> Tensor:
        """Return the same tensor at another place."""
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
        """The size of the whole file in bytes."""
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
        raise BrokenTensorFile(f"{path.name} is not a complete safetensors file: {error}") from error
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
