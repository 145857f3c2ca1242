"""Archives: a .zip, and a .docx or .epub, which are zips, too. They are read within limits, never extracted to disk.

A name inside is only a label. An entry's declared size is charged before it is unpacked, and zipfile returns no more
bytes than declared; an entry that is larger than declared fails its checksum.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, cast

from services.data.readers.decode import Unreadable
from services.data.readers.limits import MAX_ENTRIES, MIB, Budget, check_markup

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others can unpack to any size in one step
ENCRYPTED_FLAGS = 0x1 | 0x40
BLOCK_BYTES = 1 << 18
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
    IndexError,
    RuntimeError,
    struct.error,
)  # opening


@contextmanager
def damage_as_unreadable(kind: str, damage: tuple[type[Exception], ...] = DAMAGE_ERRORS) -> Iterator[None]:
    """Raise Unreadable for the errors that zipfile raises for a damaged archive."""
    try:
        yield
    except damage as error:
        raise Unreadable(f"is not a readable {kind}: {error or type(error).__name__}") from None


class GuardedFile:
    """An archive's file that refuses a table of contents with too many bytes or entries while zipfile opens it.

    zipfile reads the table in one step, from where the end record (or its zip64 twin) says that it is, and makes an
    object of every entry in it, whatever number the record states. So it is this step that is limited, not the record.
    """

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self.opening = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        """Read from the file; raises FileTooLarge if this is a table of contents over the limits."""
        if self.opening and size > MAX_DIRECTORY_BYTES:
            mebibytes, limit = -(-size // MIB), MAX_DIRECTORY_BYTES // MIB
            self._budget.refuse(f"has a table of contents of {mebibytes:,} MiB; the limit is {limit} MiB")
        data = self._file.read(size)
        if self.opening and len(data) > MAX_ENTRIES * HEADER_BYTES and has_too_many_entries(data):
            self._budget.refuse(f"contains more than {MAX_ENTRIES:,} files")
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


class Archive:
    """An open archive; use it as a context."""

    def __init__(self, file: BinaryIO, kind: str, budget: Budget) -> None:
        self.kind = kind
        self._budget = budget
        guarded = GuardedFile(file, budget)
        with damage_as_unreadable(kind, OPENING_ERRORS):
            self._zip = zipfile.ZipFile(cast("BinaryIO", guarded))
            guarded.opening = False
            self._infos = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        budget.count(len(self._infos))

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def names(self) -> list[str]:
        """The names of all files, as they are in the archive."""
        return list(self._infos)

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    def charge(self, name: str) -> int:
        """Check an entry before it is read, and return its size; raises Unreadable or FileTooLarge."""
        info = self._infos[name]
        if info.flag_bits & ENCRYPTED_FLAGS:
            raise Unreadable("is encrypted; send it without a password")
        if info.compress_type not in METHODS:
            raise Unreadable("is compressed in an unusual way; pack it as an ordinary .zip")
        self._budget.charge(info.file_size, name, info.compress_size)
        return info.file_size

    def open(self, name: str) -> BinaryIO:
        """Open an entry that was charged; reading it may raise DAMAGE_ERRORS. Raises Unreadable."""
        with damage_as_unreadable(self.kind, OPENING_ERRORS):
            return cast("BinaryIO", self._zip.open(self._infos[name]))

    def read(self, name: str) -> bytes:
        """Return all of an entry, which is a file with markup; raises Unreadable or FileTooLarge."""
        check_markup(self.charge(name), name)
        with damage_as_unreadable(self.kind), self.open(name) as file:
            return b"".join(
                iter(partial(file.read, BLOCK_BYTES), b"")
            )  # in one step, a lying entry would unpack all of it
