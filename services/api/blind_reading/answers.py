"""readings.jsonl: the seed, then a line per answer. It only grows; of two answers to one question the later counts.

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


class Line(BaseModel):
    """A line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Seed(Line):
    """What every reader's order is made from."""

    seed: str


class Answer(Line):
    """What a reader said of a pair; `first` is the model whose text was A."""

    reader: str
    passage: int
    created_at: int
    first: Literal["tuned", "base"]
    closer: Choice
    better: Choice

    def repeats(self, earlier: Answer | None) -> bool:
        """Whether this says what an earlier answer said."""
        return earlier is not None and self == earlier.model_copy(update={"created_at": self.created_at})


LINE: TypeAdapter[Seed | Answer] = TypeAdapter(Seed | Answer)


class Answers:
    """The answers to one job's pairs, in a file that several threads and processes may share."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def seed(self) -> str:
        """The seed; the first to ask draws it."""
        if known := self._seed():
            return known
        with self._locked() as file:
            known = self._seed()  # another may have been quicker
            if known is None:
                known = secrets.token_hex(16)
                _append(file, Seed(seed=known))
            return known

    def all(self) -> list[Answer]:
        """Every answer that counts, in the order in which the questions were first answered."""
        given = [line for line in self._lines() if isinstance(line, Answer)]
        return list({(answer.reader, answer.passage): answer for answer in given}.values())

    def of(self, reader: str) -> dict[int, Answer]:
        """One reader's answers, by passage."""
        return {answer.passage: answer for answer in self.all() if answer.reader == reader}

    def add(self, answer: Answer) -> None:
        """Keep an answer; one that was given before in the same words is kept once. It is on the disk on return."""
        with self._locked() as file:
            if not answer.repeats(self.of(answer.reader).get(answer.passage)):
                _append(file, answer)

    def _seed(self) -> str | None:
        return next((line.seed for line in self._lines() if isinstance(line, Seed)), None)

    def _lines(self) -> Iterator[Seed | Answer]:
        """Every whole line; a crash may have torn one whose answer was never acknowledged."""
        if not self._path.exists():
            return
        for text in self._path.read_bytes().split(b"\n"):
            try:
                yield LINE.validate_json(text)
            except ValidationError:
                continue

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file to append to; nobody else appends meanwhile."""
        with disk_errors(), self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _append(file: BinaryIO, line: Line) -> None:
    """Write a line and see it onto the disk; a torn line before it is ended first."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    start = b"\n" if file.read(1) not in (b"", b"\n") else b""
    file.write(start + line.model_dump_json().encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
