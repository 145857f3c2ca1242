"""A manuscript as it arrives: one .txt book, or a .zip or folder of curated chunk_*.txt passages or of .txt books.

Nothing is ever extracted to disk; a name inside an archive is only a label.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from scriptorium.contracts import Finding
from scriptorium.errors import FileTooLarge, InvalidTrainingFile, Problem
from services.data.decode import Undecodable, decode

MAX_ENTRIES = 20_000  # a book is some hundreds of passages; a bomb is millions of names
MAX_BYTES = 64 * 1024 * 1024  # a hundred long novels
CURATED = re.compile(r"^chunk_.*\.txt$", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One text file: its name, as a label, and its text."""

    name: str
    text: str


@dataclass(frozen=True)
class Manuscript:
    """Every text of a manuscript in reading order; curated parts are one passage each."""

    parts: list[Part]
    curated: bool
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A file's name and bytes, before it is known to be text."""

    name: str
    raw: bytes


def read_manuscript(path: Path, filename: str) -> Manuscript:
    """Read every text; raises InvalidTrainingFile with all problems at once, or FileTooLarge."""
    entries = find_entries(path, filename)
    texts = [entry for entry in entries if entry.name.lower().endswith(".txt")]
    if not texts:
        raise InvalidTrainingFile(f"{filename} holds no .txt file.", param="training_file")
    curated = any(CURATED.match(base_name(entry.name)) for entry in texts)
    used = [entry for entry in texts if not curated or CURATED.match(base_name(entry.name))]
    findings = [note_ignored(entry) for entry in entries if entry not in used]
    parts, problems = decode_entries(used, findings)
    if problems:
        raise InvalidTrainingFile(f"{filename} has {len(problems)} unreadable text(s).", problems=problems)
    return Manuscript(parts, curated, findings)


def find_entries(path: Path, filename: str) -> list[Entry]:
    """The files that a manuscript consists of, in natural order (chunk_2 before chunk_10)."""
    if path.is_dir():
        return read_folder(path, filename)
    match PurePosixPath(filename).suffix.lower():
        case ".txt":
            check_size(1, path.stat().st_size, filename)
            return [Entry(base_name(filename), path.read_bytes())]
        case ".zip":
            return read_archive(path, filename)
        case other:
            kind = other or "no extension"
            raise InvalidTrainingFile(f"{filename} is of a kind we do not read ({kind}).", param="training_file")


def read_folder(path: Path, filename: str) -> list[Entry]:
    """Every visible file below a folder."""
    files = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    names = sorted(filter(visible, files), key=natural_order)
    check_size(len(names), sum(files[name].stat().st_size for name in names), filename)
    return [Entry(name, files[name].read_bytes()) for name in names]


def read_archive(path: Path, filename: str) -> list[Entry]:
    """Every visible file of a .zip, its declared sizes checked before a byte is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = [info for info in archive.infolist() if not info.is_dir() and visible(info.filename)]
            check_size(len(files), sum(info.file_size for info in files), filename)
            locked = [Problem(info.filename, "is encrypted") for info in files if info.flag_bits & 1]
            if locked:
                raise InvalidTrainingFile(f"{filename} is encrypted.", problems=locked)
            files.sort(key=lambda info: natural_order(info.filename))
            return [Entry(info.filename, archive.read(info)) for info in files]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise InvalidTrainingFile(f"{filename} is not a readable .zip: {error}", param="training_file") from None


def check_size(files: int, size: int, filename: str) -> None:
    """Raise FileTooLarge where unpacking would fill the memory."""
    if files > MAX_ENTRIES:
        raise FileTooLarge(f"{filename} holds {files:,} files; {MAX_ENTRIES:,} is the limit.", next_step="Split it.")
    if size > MAX_BYTES:
        held, limit = size // 2**20, MAX_BYTES // 2**20
        raise FileTooLarge(f"{filename} holds {held:,} MiB of text; {limit} MiB is the limit.", next_step="Split it.")


def decode_entries(entries: list[Entry], findings: list[Finding]) -> tuple[list[Part], list[Problem]]:
    """Parts and problems; what is only worth knowing is added to `findings`."""
    parts, problems = [], []
    for entry in entries:
        try:
            text, seen = decode(entry.raw, entry.name)
        except Undecodable as error:
            problems.append(Problem(entry.name, str(error)))
            continue
        findings += seen
        if text.strip():
            parts.append(Part(entry.name, text))
        else:
            problems.append(Problem(entry.name, "is empty"))
    return parts, problems


def note_ignored(entry: Entry) -> Finding:
    """A finding for a file that is not part of the manuscript."""
    return Finding(code="file_ignored", place=entry.name, message="is not part of the manuscript and was left out")


def visible(name: str) -> bool:
    """Whether no part of a path is hidden or an operating system's own; ".." hides nothing, it is a label here."""
    parts = PurePosixPath(name).parts
    return not any(part == "__MACOSX" or (part.startswith(".") and part != "..") for part in parts)


def base_name(name: str) -> str:
    """The last part of a path."""
    return PurePosixPath(name).name


def natural_order(name: str) -> list[tuple[int, str]]:
    """A sort key by which numbers count as numbers."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece.lower()) for piece in re.split(r"(\d+)", name)]
