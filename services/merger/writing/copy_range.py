"""Copy a range of bytes between open files, in the kernel where the filesystem can, by hand where it refuses."""

from __future__ import annotations

import errno
import os

from services.merger.inputs.safetensors_file import PIECE_BYTES, read_into, write_from

REFUSALS = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def copy_range(source: int, start: int, sink: int, to: int, count: int) -> None:
    """Copy `count` bytes of `source` from `start` to position `to` of `sink`; raises BrokenTensorFile."""
    while count:
        done = copy_in_kernel(source, start, sink, to, count)
        if not done:
            copy_by_hand(source, start, sink, to, count)
            return
        start, to, count = start + done, to + done, count - done


def copy_in_kernel(source: int, start: int, sink: int, to: int, count: int) -> int:
    """How many bytes the kernel copied; 0 where it cannot, as between filesystems, or where the source ended."""
    try:
        return os.copy_file_range(source, sink, count, start, to)
    except OSError as error:
        if error.errno in REFUSALS:
            return 0
        raise


def copy_by_hand(source: int, start: int, sink: int, to: int, count: int) -> None:
    """The same through memory."""
    piece = memoryview(bytearray(min(count, PIECE_BYTES)))
    for done in range(0, count, PIECE_BYTES):
        part = piece[: min(PIECE_BYTES, count - done)]
        read_into(source, part, start + done)
        write_from(sink, part, to + done)
