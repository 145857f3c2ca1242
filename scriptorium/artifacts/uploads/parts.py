"""The parts of one upload: a file each, complete once it has its name, and the stream that they are together."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scriptorium.artifacts import manifest
from scriptorium.artifacts.file_store import copy_stream
from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import FileTooLarge, InvalidRequest
from scriptorium.identifiers import make_id, read_time

MAX_PART_BYTES = 64 * 1024 * 1024  # as the hosted service has it
PART_ID = re.compile(r"part_[0-9a-f]{26}")
UNFINISHED = ".tmp"


@dataclass(frozen=True)
class StoredPart:
    """A part of an upload on the volume."""

    path: Path

    @property
    def id(self) -> str:
        """The part's id."""
        return self.path.name

    @property
    def bytes(self) -> int:
        """The part's size."""
        return self.path.stat().st_size

    @property
    def created_at(self) -> int:
        """When the part was begun, in Unix seconds."""
        return int(read_time(self.id) or 0)


def write_part(folder: Path, source: BinaryIO, limit: int) -> StoredPart:
    """Write a part into an upload's folder; raises FileTooLarge past `limit` bytes."""
    path = folder / make_id("part_")
    unfinished = path.with_suffix(UNFINISHED)
    try:
        with disk_errors(), open(unfinished, "wb", opener=manifest.open_private) as target:
            copy_stream(source, target, limit)
            target.flush()
            os.fsync(target.fileno())
        unfinished.rename(path)
    except FileTooLarge:
        message = f"The part has more than {limit:,} bytes: those of its whole upload, or of any part."
        next_step = "Announce the file's whole size when the upload begins, and send smaller parts."
        raise FileTooLarge(message, param="data", next_step=next_step) from None
    finally:
        unfinished.unlink(missing_ok=True)
    manifest.sync(folder)
    return StoredPart(path)


def list_parts(folder: Path) -> list[StoredPart]:
    """Return the complete parts of an upload, oldest first."""
    return [StoredPart(path) for path in sorted(folder.glob("part_*")) if PART_ID.fullmatch(path.name)]


class JoinedParts:
    """The content of parts, one after the other; its end raises InvalidRequest unless it has the expected MD5."""

    def __init__(self, parts: Sequence[StoredPart], md5: str | None) -> None:
        self._paths = [part.path for part in parts]
        self._expected = md5.lower() if md5 else None
        self._digest = hashlib.md5(usedforsecurity=False)
        self._file: BinaryIO | None = None

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes of the present part; none at the end."""
        while self._file or self._paths:
            self._file = self._file or self._paths.pop(0).open("rb")
            if block := self._file.read(size):
                self._digest.update(block)
                return block
            self.close()
        if self._expected not in (None, self._digest.hexdigest()):
            raise InvalidRequest(
                f"The parts together have the MD5 {self._digest.hexdigest()}, not {self._expected}.", param="md5"
            )
        return b""

    def close(self) -> None:
        """Close the present part."""
        if self._file:
            self._file.close()
            self._file = None
