"""Texts in a temporary file of the work folder, so that a manuscript is never in memory as a whole.

The file has no name, so it disappears when it is closed, however the process ends, and is never published.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class TextFile:
    """A file that takes texts and returns handles to them; use it as a context."""

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed with this
        self._end = 0

    def __enter__(self) -> TextFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, text: str) -> TextHandle:
        """Write a text to the end of the file; raises OSError if the disk is full."""
        raw = text.encode("utf-8", "surrogatepass")
        self._file.write(raw)
        self._file.flush()
        self._end += len(raw)
        return TextHandle(self, self._end - len(raw), len(raw))

    def read(self, start: int, size: int) -> str:
        """Return the text at an offset."""
        return os.pread(self._file.fileno(), size, start).decode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class TextHandle:
    """The position of a text in a file."""

    file: TextFile
    start: int
    size: int


LazyText = str | TextHandle
StoreText = Callable[[str], LazyText]


def keep_in_memory(text: str) -> LazyText:
    """Return a text as it is, for manuscripts with few texts."""
    return text


def load_text(text: LazyText) -> str:
    """Return the text itself, read from its file if it is in one."""
    return text if isinstance(text, str) else text.file.read(text.start, text.size)
