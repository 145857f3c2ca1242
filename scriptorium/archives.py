"""Opening a .zip that others made: its table of contents is limited, because zipfile reads that as a whole."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

MIB = 1 << 20
MAX_ENTRIES = 20_000  # a book is some hundreds of passages; a bomb is millions of names
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can unpack to any size in one step
ENCRYPTED_FLAGS = 0x1 | 0x40
MAX_DIRECTORY_BYTES = 8 * MIB  # the table of contents: as many entries as allowed, each with a long path
HEADER_BYTES = 46  # of an entry in it, without the name
HEADER_SIGNATURE = b"PK\x01\x02"
LENGTHS = struct.Struct("<28x3H")  # of the name, the extra field and the comment that follow a header

DAMAGE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, OSError)  # what reading may raise
OPENING_ERRORS = (
    *DAMAGE_ERRORS,
    NotImplementedError,
    ValueError,
    OverflowError,
    LookupError,
    RuntimeError,
    struct.error,
)  # opening


class GuardedFile:
    """An archive's file that refuses a table of contents with too many bytes or entries while zipfile opens it.

    zipfile reads the table in one step, from where the end record (or its zip64 twin) says that it is, and makes an
    object of every entry in it, whatever number the record states. So it is this step that is limited, not the record.
    `refuse` gets the reason, and raises.
    """

    def __init__(self, file: BinaryIO, refuse: Callable[[str], object]) -> None:
        self._file = file
        self._refuse = refuse
        self.opening = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read from the file; refuses if this is a table of contents over the limits."""
        if self.opening and size > MAX_DIRECTORY_BYTES:
            mebibytes, limit = -(-size // MIB), MAX_DIRECTORY_BYTES // MIB
            self._refuse(f"has a table of contents of {mebibytes:,} MiB; the limit is {limit} MiB")
        data = self._file.read(size)
        if self.opening and len(data) > MAX_ENTRIES * HEADER_BYTES and has_too_many_entries(data):
            self._refuse(f"contains more than {MAX_ENTRIES:,} files")
        return data


def has_too_many_entries(directory: bytes) -> bool:
    """Return whether a table of contents has more entries than allowed, going from header to header."""
    position = entries = 0
    while directory.startswith(HEADER_SIGNATURE, position) and len(directory) - position >= HEADER_BYTES:
        entries += 1
        if entries > MAX_ENTRIES:
            return True
        position += HEADER_BYTES + sum(LENGTHS.unpack_from(directory, position))
    return False
