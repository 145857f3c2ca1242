"""The files of a manuscript: one, or those of a folder or a .zip, in natural order."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

from scriptorium.manuscript_types import find_suffix
from services.data.readers.archive import BLOCK_BYTES, Archive
from services.data.readers.decode import Opener, Unreadable
from services.data.readers.limits import Budget, check_markup
from services.data.readers.story_order import name_by_story

HIDDEN = (".", "~$")  # the second is Word's lock of an open document
PROJECT_INDEX = ".scrivx"  # of a Scrivener project, which is all of the folder around it
SYSTEM_FILES = frozenset(["__MACOSX", "Thumbs.db", "desktop.ini"])


@dataclass(frozen=True)
class Entry:
    """A file with its name, which is a label. `measure` charges `budget` with its size before it is opened."""

    name: str
    budget: Budget
    measure: Callable[[], int]
    open: Opener
    packed: bool = False
    siblings: Mapping[str, Entry] = field(default_factory=dict)  # of a project's index: its files, by path from there

    @property
    def suffix(self) -> str:
        """The extension of the name, in lower case."""
        return find_suffix(self.name)

    @property
    def stem(self) -> str:
        """The last part of the name, without its extension."""
        return PurePosixPath(self.name).stem

    def read(self) -> bytes:
        """Return all of a file with markup; raises FileTooLarge if it is larger than any book."""
        check_markup(self.measure(), self.name)
        return self._read_bytes()

    @contextmanager
    def unzip(self) -> Iterator[Archive]:
        """Open the file as an archive, as a .docx or an .epub is; only the entries that are read are charged."""
        with self._open_seekable() as file, Archive(file, self.suffix, self.budget) as archive:
            yield archive

    def _open_seekable(self) -> BinaryIO:
        if not self.packed:
            return self.open()
        self.measure()
        return io.BytesIO(self._read_bytes())

    def _read_bytes(self) -> bytes:
        with self.open() as file:
            return b"".join(iter(partial(file.read, BLOCK_BYTES), b""))


@contextmanager
def open_files(path: Path, filename: str, budget: Budget) -> Iterator[list[Entry]]:
    """Yield every visible file; raises Unreadable or FileTooLarge. They can be opened while the context lasts."""
    if path.exists() and not path.is_dir() and not path.is_file():
        raise Unreadable("is no ordinary file: a pipe or a device would never end")
    if path.is_dir():
        files = {file.relative_to(path).as_posix(): file for file in walk(path)}
        budget.count(len(files))
        entries = [disk_entry(name, file, budget) for name, file in files.items()]
    elif PurePosixPath(filename).suffix.lower() == ".zip":
        with path.open("rb") as file, Archive(file, ".zip", budget) as archive:
            yield join_projects(sort_visible([archive_entry(name, archive, budget) for name in archive.names]))
        return
    else:
        budget.count(1)
        entries = [disk_entry(PurePosixPath(filename).name, path, budget)]
        yield entries
        return
    yield join_projects(sort_visible(entries))


def walk(folder: Path) -> Iterator[Path]:
    """Yield every ordinary file in the visible folders of one. Raises Unreadable for one that may not be read."""

    def refuse(error: OSError) -> NoReturn:
        name = Path(str(error.filename)).relative_to(folder).as_posix()
        raise Unreadable(f"has a folder that cannot be read: {name} ({error.strerror})") from None

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = filter(is_visible, folders)  # a .git may be private, and is not asked
        yield from (path for name in names if (path := Path(place, name)).is_file())


def disk_entry(name: str, path: Path, budget: Budget) -> Entry:
    """Return the entry of a file on disk; a link is followed, as its owner meant it."""

    def measure() -> int:
        size = path.stat().st_size
        budget.charge(size, name)
        return size

    return Entry(name, budget, measure, lambda: path.open("rb"))


def archive_entry(name: str, archive: Archive, budget: Budget) -> Entry:
    """Return the entry of a file inside a .zip."""
    return Entry(name, budget, partial(archive.charge, name), partial(archive.open, name), packed=True)


def sort_visible(entries: list[Entry]) -> list[Entry]:
    """Return the visible files as the story goes: chunk_2 before chunk_10, "Chapter One" before "Chapter Two"."""
    visible = [entry for entry in entries if is_visible(entry.name)]
    names = name_by_story([entry.name for entry in visible])
    return sorted(visible, key=lambda entry: (natural_sort_key(names.get(entry.name, entry.name)), entry.name))


def join_projects(entries: Sequence[Entry]) -> list[Entry]:
    """Return the files with each project as its index alone, which has the project's other files."""
    folders = {PurePosixPath(entry.name).parent: entry for entry in entries if entry.suffix == PROJECT_INDEX}
    siblings: dict[PurePosixPath, dict[str, Entry]] = {folder: {} for folder in folders}
    others = []
    for entry in entries if folders else ():
        path = PurePosixPath(entry.name)
        folder = next((parent for parent in path.parents if parent in folders), None)
        if folder is None:
            others.append(entry)
        elif entry is not folders[folder]:
            siblings[folder][path.relative_to(folder).as_posix()] = entry
    indexes = [replace(entry, siblings=siblings[folder]) for folder, entry in folders.items()]
    return sort_visible([*others, *indexes]) if folders else list(entries)


def is_visible(name: str) -> bool:
    """Return whether no part of a path is hidden or a program's own, as a lock; ".." is only a label here."""
    parts = PurePosixPath(name).parts
    return not any(part in SYSTEM_FILES or (part.startswith(HIDDEN) and part != "..") for part in parts)


def natural_sort_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers by value, whatever their length."""
    pieces = re.split(r"([0-9]+)", name.lower())
    return [
        (len(piece.lstrip("0")), piece.lstrip("0")) if index % 2 else (0, piece) for index, piece in enumerate(pieces)
    ]
