"""The files that a manuscript consists of: one, or those of a folder or of a .zip, in natural order."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from services.data.readers.archive import BLOCK, Archive
from services.data.readers.decode import Opener
from services.data.readers.limits import Budget, check_markup


@dataclass(frozen=True)
class Entry:
    """A file by its name, which is a label. `measure` charges `budget` for its size and gives it; then it is opened."""

    name: str
    budget: Budget
    measure: Callable[[], int]
    open: Opener
    packed: bool = False

    @property
    def suffix(self) -> str:
        """What its name ends with, in small letters."""
        return PurePosixPath(self.name).suffix.lower()

    @property
    def stem(self) -> str:
        """The last part of its name, without what it ends with."""
        return PurePosixPath(self.name).stem

    def read(self) -> bytes:
        """All of a file with markup; raises FileTooLarge where it is larger than any book."""
        check_markup(self.measure(), self.name)
        return self._bytes()

    @contextmanager
    def unzip(self) -> Iterator[Archive]:
        """The file as an archive, which a .docx and an .epub are; only what is read of it is charged."""
        with self._whole() as file, Archive(file, self.suffix, self.budget) as archive:
            yield archive

    def _whole(self) -> BinaryIO:
        if not self.packed:
            return self.open()
        self.measure()
        return io.BytesIO(self._bytes())

    def _bytes(self) -> bytes:
        with self.open() as file:
            return b"".join(iter(partial(file.read, BLOCK), b""))


@contextmanager
def open_files(path: Path, filename: str, budget: Budget) -> Iterator[list[Entry]]:
    """Every visible file; raises Unreadable or FileTooLarge. They can be opened while the context lasts."""
    if path.is_dir():
        found = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
        budget.count(len(found))
        entries = [on_disk(name, file, budget) for name, file in found.items()]
    elif PurePosixPath(filename).suffix.lower() == ".zip":
        with path.open("rb") as file, Archive(file, ".zip", budget) as archive:
            yield in_order([in_archive(name, archive, budget) for name in archive.names])
        return
    else:
        budget.count(1)
        entries = [on_disk(PurePosixPath(filename).name, path, budget)]
        yield entries
        return
    yield in_order(entries)


def on_disk(name: str, path: Path, budget: Budget) -> Entry:
    """A file that lies by itself; a link is followed, as its owner meant it."""

    def measure() -> int:
        size = path.stat().st_size
        budget.charge(size, name)
        return size

    return Entry(name, budget, measure, lambda: path.open("rb"))


def in_archive(name: str, archive: Archive, budget: Budget) -> Entry:
    """A file inside a .zip."""
    return Entry(name, budget, partial(archive.charge, name), partial(archive.open, name), packed=True)


def in_order(entries: list[Entry]) -> list[Entry]:
    """Visible files, chunk_2 before chunk_10."""
    return sorted(
        (entry for entry in entries if visible(entry.name)), key=lambda entry: (natural_order(entry.name), entry.name)
    )


def visible(name: str) -> bool:
    """Whether no part of a path is hidden or an operating system's own; ".." hides nothing, it is a label here."""
    parts = PurePosixPath(name).parts
    return not any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key by which numbers count as numbers, of any length."""
    pieces = re.split(r"([0-9]+)", name.lower())
    return [(len(piece.lstrip("0")), piece.lstrip("0")) if at % 2 else (0, piece) for at, piece in enumerate(pieces)]
