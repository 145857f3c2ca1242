"""How far a child of the trainer is with what it writes: a small file beside its order, replaced every second.

A batch of answers takes a CPU minutes, and none of them is there before the last token. A program inside Axolotl's
environment writes the file, the trainer reads it and reports. Standard library only.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

WRITE_INTERVAL = 1.0  # seconds
REPORT_INTERVAL = 10.0  # seconds


@dataclass(frozen=True)
class WritingProgress:
    """A batch that is being written: what and how many, and the tokens of each, so far and at most."""

    what: str
    texts: int
    tokens: int
    limit: int

    def __str__(self) -> str:
        return f"{self.texts} {self.what}, {self.tokens} of at most {self.limit} tokens each"


class ProgressFile:
    """The file, as its writer keeps it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = 0.0

    def write(self, what: str, texts: int, limit: int, tokens: int) -> None:
        """Replace the file, at most once in a second; if it cannot be written, nobody hears how far the writing is."""
        if time.monotonic() - self._written < WRITE_INTERVAL:
            return
        self._written = time.monotonic()
        draft, progress = self._path.with_suffix(".tmp"), WritingProgress(what, texts, tokens, limit)
        with suppress(OSError):
            draft.write_text(json.dumps(asdict(progress)), encoding="utf-8")
            draft.replace(self._path)


class ProgressWatch:
    """What a person should hear of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reported = time.monotonic()
        self._before: WritingProgress | None = None

    def news(self) -> WritingProgress | None:
        """Return how far the writing is, if that was not said in the last ten seconds and has changed since."""
        if time.monotonic() - self._reported < REPORT_INTERVAL:
            return None
        progress = read_progress(self._path)
        if progress is None or progress == self._before:
            return None
        self._reported, self._before = time.monotonic(), progress
        return progress

    def clear(self) -> None:
        """Delete the file and its draft, as an earlier child or one that was killed may have left them."""
        for path in (self._path, self._path.with_suffix(".tmp")):
            path.unlink(missing_ok=True)


def read_progress(path: Path) -> WritingProgress | None:
    """Read the file; None if there is none, or a crash of the machine has torn it."""
    try:
        return WritingProgress(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
