"""Write one shard of the merged model: every tensor at its place, copied by the kernel or computed block by block.

The file is called *.part until all its bytes are on disk and proven. Writing back starts at once, so that the disk
works while blocks are computed, and goes on while the next shard begins.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.merger.inputs.nf4 import RoundTrip
from services.merger.inputs.safetensors_file import (
    FLOATS,
    byte_range,
    checksum,
    open_descriptor,
    read_rows,
    round_to,
    row_blocks,
    write_from,
)
from services.merger.low_rank_update import LowRank
from services.merger.planning.plan import Shard, ShardPart
from services.merger.planning.tensor_source import TensorSource
from services.merger.writing.copy_range import copy_range
from services.merger.writing.worker_pool import Scratch, Step

COPY_BYTES = 8 << 20  # what the kernel copies in one step
SYNC_INTERVAL = 1.0  # seconds between two rounds of writing back; each costs a commit of the journal
NO_PREALLOCATION = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}  # the errors of a filesystem that cannot reserve

BlockChecksums = dict[tuple[str, int], int]  # the checksum of each computed block, by tensor and first row

scratch = Scratch()


class ShardFiles:
    """The files that a shard is made of, open for reading."""

    def __init__(self, shard: Shard, adapter: Path) -> None:
        self.stack = ExitStack()
        self.adapter = adapter
        self.paths = {part.source.path for part in shard.parts} | {adapter}
        self.descriptors: dict[Path, int] = {}

    def __enter__(self) -> ShardFiles:
        with ExitStack() as stack:
            self.descriptors = {path: stack.enter_context(open_descriptor(path)) for path in self.paths}
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def open(self, path: Path) -> int:
        """Open one more file, closed with the others."""
        return self.stack.enter_context(open_descriptor(path))

    def descriptor(self, source: TensorSource) -> int:
        """Return the open file of a source."""
        return self.descriptors[source.path]

    def round_trip(self, source: TensorSource) -> RoundTrip | None:
        """Return a copy of the source's NF4 round trip, so that its scales are freed with the caller."""
        return replace(source.round_trip) if source.round_trip else None

    def update(self, source: TensorSource) -> LowRank | None:
        """Return the update of a source, ready to compute with."""
        if source.update is None:
            return None
        update = LowRank(self.descriptors[self.adapter], source.update, source.transposed)
        needs_factors = source.transposed and source.update.magnitude
        return update.with_factors(self.descriptor(source), source.tensor) if needs_factors else update


class Sink:
    """A file that is being written, with a thread that writes it back to disk meanwhile."""

    def __init__(self, path: Path, size: int) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        self.failure: OSError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write_back, name="write-back", daemon=True)
        try:
            preallocate(self.descriptor, size)
        except OSError:
            os.close(self.descriptor)
            raise
        self._thread.start()

    def sync(self) -> None:
        """Make the file durable; raises OSError if writing back failed."""
        self._end()
        if self.failure:
            raise self.failure
        os.fsync(self.descriptor)

    def close(self) -> None:
        """Close the file without making it durable."""
        self._end()
        os.close(self.descriptor)

    def _end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _write_back(self) -> None:
        try:
            while not self._ended.wait(SYNC_INTERVAL):
                os.fdatasync(self.descriptor)
        except OSError as error:
            self.failure = error


def preallocate(descriptor: int, size: int) -> None:
    """Reserve space for the whole file, so that a full disk is noticed at once."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno not in NO_PREALLOCATION:
            raise
        os.ftruncate(descriptor, size)


def write_steps(shard: Shard, files: ShardFiles, sink: int, checksums: BlockChecksums) -> Iterator[Step]:
    """Yield the steps that write a shard; they add the checksum of each computed block to `checksums`."""
    yield partial(write_header, sink, shard.header)
    for part in shard.parts:
        source, update = files.descriptor(part.source), files.update(part.source)
        writer = TensorWriter(source, sink, part, update, checksums, files.round_trip(part.source))
        if part.copied:
            for start, count in pieces(part.tensor.bytes, COPY_BYTES):
                yield partial(writer.copy, start, count)
        else:
            for rows in row_blocks(part.tensor):
                yield partial(writer.merge, rows)


def write_header(sink: int, header: bytes) -> int:
    """Write the header."""
    write_from(sink, memoryview(header), 0)
    return len(header)


def pieces(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Return start and length of each piece of `count` bytes."""
    return ((start, min(size, count - start)) for start in range(0, count, size))


@dataclass(frozen=True)
class TensorWriter:
    """Writes one tensor from its source to its place."""

    file: int
    sink: int
    part: ShardPart
    update: LowRank | None
    checksums: BlockChecksums
    round_trip: RoundTrip | None = None

    def copy(self, start: int, count: int) -> int:
        """Copy some bytes of an untouched tensor."""
        copy_range(self.file, self.part.source.tensor.start + start, self.sink, self.part.tensor.start + start, count)
        return count

    def merge(self, rows: slice) -> int:
        """Compute some rows and write them."""
        merged = compute_rows(self.file, self.part, self.update, rows, self.round_trip)
        self.checksums[self.part.tensor.name, rows.start] = checksum(merged)
        write_from(self.sink, merged.view(np.uint8).reshape(-1).data, byte_range(self.part.tensor, rows)[0])
        return merged.nbytes


def compute_rows(
    file: int, part: ShardPart, update: LowRank | None, rows: slice, round_trip: RoundTrip | None = None
) -> NDArray[Any]:
    """Compute some merged rows, in the type of the result and in the thread's scratch memory."""
    source = part.source.tensor
    count = byte_range(source, rows)[1]
    stored = read_rows(file, source, rows, scratch.take("stored", (count,), np.dtype(np.uint8)))
    weights = scratch.take("weights", stored.shape, np.dtype(np.float32))
    dequantised = round_trip.apply(stored, rows.start * stored.shape[1], source.dtype) if round_trip else stored
    np.copyto(weights, dequantised)
    if update is not None:
        update.add_to(weights, rows, scratch.take("product", stored.shape, np.dtype(np.float32)))
    rounded = scratch.take("rounded", stored.shape, FLOATS[part.tensor.dtype])
    return round_to(weights, part.tensor.dtype, rounded)
