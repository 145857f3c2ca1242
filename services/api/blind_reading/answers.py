"""readings.jsonl: the seed, then one line per answer. It only grows; of two answers to one question the later counts.

It lies beside the job's published folders, whose manifests hold hashes and must not change.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from scriptorium.artifacts.volume import disk_errors

Choice = Literal["tuned", "base", "cannot_tell"]


class ReadingsLine(BaseModel):
    """A line of readings.jsonl."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SeedLine(ReadingsLine):
    """The seed that every reader's order is made from."""

    seed: str


class ReaderAnswer(ReadingsLine):
    """A reader's answer about one pair; `first` is the model whose text was A."""

    reader: str
    passage: int
    created_at: int
    first: Literal["tuned", "base"]
    closer: Choice
    better: Choice

    def repeats(self, earlier: ReaderAnswer | None) -> bool:
        """Return whether this answer is the same as an earlier one."""
        return earlier is not None and self == earlier.model_copy(update={"created_at": self.created_at})


LINE_ADAPTER: TypeAdapter[SeedLine | ReaderAnswer] = TypeAdapter(SeedLine | ReaderAnswer)


class ReadingsFile:
    """The answers to one job's pairs, in a file that several threads and processes may share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seed(self) -> str:
        """Return the seed; the first call draws it."""
        if seed := self._read_seed():
            return seed
        with self._locked() as file:
            seed = self._read_seed()  # another process may have been quicker
            if seed is None:
                seed = secrets.token_hex(16)
                _append(file, SeedLine(seed=seed))
            return seed

    def all(self) -> list[ReaderAnswer]:
        """Return every answer that counts, in the order in which the questions were first answered."""
        answers = [line for line in self._lines() if isinstance(line, ReaderAnswer)]
        return list({(answer.reader, answer.passage): answer for answer in answers}.values())

    def of_reader(self, reader: str) -> dict[int, ReaderAnswer]:
        """Return one reader's answers by passage."""
        return {answer.passage: answer for answer in self.all() if answer.reader == reader}

    def add(self, answer: ReaderAnswer) -> None:
        """Store an answer unless it repeats the reader's present one; it is on the disk on return."""
        with self._locked() as file:
            if not answer.repeats(self.of_reader(answer.reader).get(answer.passage)):
                _append(file, answer)

    def _read_seed(self) -> str | None:
        return next((line.seed for line in self._lines() if isinstance(line, SeedLine)), None)

    def _lines(self) -> Iterator[SeedLine | ReaderAnswer]:
        """Yield every complete line; a crash may leave half of one, whose answer was never acknowledged."""
        if not self._path.exists():
            return
        for text in self._path.read_bytes().split(b"\n"):
            try:
                yield LINE_ADAPTER.validate_json(text)
            except ValidationError:
                continue

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """Open the file for appending, and lock out all others that append."""
        with disk_errors(), self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _append(file: BinaryIO, line: ReadingsLine) -> None:
    """Write a line through to the disk; end an incomplete line before it first."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    start = b"\n" if file.read(1) not in (b"", b"\n") else b""
    file.write(start + line.model_dump_json().encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
