"""Texts in a file of the work folder, so that a manuscript never lies in memory as a whole.

The file has no name, so it is gone when it is closed, whatever ends the process, and is never published.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class Texts:
    """Takes texts and gives handles; use it as a context."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed with this
        self._end = 0

    def __enter__(self) -> Texts:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, text: str) -> Text:
        """Write a text to the end of the file; raises OSError where the disk is full."""
        raw = text.encode("utf-8", "surrogatepass")
        self._file.write(raw)
        self._file.flush()
        self._end += len(raw)
        return Text(self, self._end - len(raw), len(raw))

    def read(self, start: int, size: int) -> str:
        """The text at a place."""
        return os.pread(self._file.fileno(), size, start).decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Text:
    """Where a text lies."""

    texts: Texts
    start: int
    size: int


Held = str | Text
Keep = Callable[[str], Held]


def in_memory(text: str) -> Held:
    """Keep a text as it is, where there are few."""
    return text


def read(held: Held) -> str:
    """The text itself."""
    return held if isinstance(held, str) else held.texts.read(held.start, held.size)
