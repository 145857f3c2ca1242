"""The table of contents of a .zip, limited before zipfile makes an object of every entry in it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

MIB = 1 << 20
MAX_DIRECTORY_BYTES = 8 * MIB  # as many entries as allowed, each with a long path
HEADER_BYTES = 46  # of an entry, without the name
HEADER_SIGNATURE = b"PK\x01\x02"
LENGTHS = struct.Struct("<28x3H")  # of the name, the extra field and the comment that follow a header


class GuardedFile:
    """An archive's file that refuses a table of contents with too many bytes or entries while zipfile opens it.

    zipfile reads the table in one step, from where the end record (or its zip64 twin) says that it is, and makes an
    object of every entry in it, whatever number the record states. So it is this step that is limited, not the record.
    """

    def __init__(self, file: BinaryIO, max_entries: int, refuse: Callable[[str], None]) -> None:
        """Take a file, and what raises the error of one that `has` or `contains` too much."""
        self._file = file
        self._max_entries = max_entries
        self._refuse = refuse
        self.opening = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read from the file; raises the error of a table of contents over the limits."""
        if self.opening and size > MAX_DIRECTORY_BYTES:
            mebibytes, limit = -(-size // MIB), MAX_DIRECTORY_BYTES // MIB
            self._refuse(f"has a table of contents of {mebibytes:,} MiB; the limit is {limit} MiB")
        data = self._file.read(size)
        if self.opening and len(data) > self._max_entries * HEADER_BYTES and count_entries(data) > self._max_entries:
            self._refuse(f"contains more than {self._max_entries:,} files")
        return data


def count_entries(directory: bytes) -> int:
    """Return how many entries a table of contents has, going from header to header."""
    position = entries = 0
    while directory.startswith(HEADER_SIGNATURE, position) and len(directory) - position >= HEADER_BYTES:
        entries += 1
        position += HEADER_BYTES + sum(LENGTHS.unpack_from(directory, position))
    return entries
