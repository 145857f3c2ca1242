"""Copy a range of bytes between open files: in the kernel if the filesystem can, otherwise through memory."""

from __future__ import annotations

import errno
import os

from services.merger.inputs.safetensors_file import PIECE_BYTES, read_into, write_from

REFUSALS = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def copy_range(source: int, start: int, sink: int, position: int, count: int) -> None:
    """Copy `count` bytes of `source` from `start` to `position` of `sink`; raises BrokenTensorFile."""
    while count:
        done = copy_in_kernel(source, start, sink, position, count)
        if not done:
            copy_through_memory(source, start, sink, position, count)
            return
        start, position, count = start + done, position + done, count - done


def copy_in_kernel(source: int, start: int, sink: int, position: int, count: int) -> int:
    """Return how many bytes the kernel copied; 0 if it cannot, as between filesystems, or if the source ended."""
    try:
        return os.copy_file_range(source, sink, count, start, position)
    except OSError as error:
        if error.errno in REFUSALS:
            return 0
        raise


def copy_through_memory(source: int, start: int, sink: int, position: int, count: int) -> None:
    """Copy the same range by reading and writing pieces of it."""
    buffer = memoryview(bytearray(min(count, PIECE_BYTES)))
    for done in range(0, count, PIECE_BYTES):
        piece = buffer[: min(PIECE_BYTES, count - done)]
        read_into(source, piece, start + done)
        write_from(sink, piece, position + done)
