"""Why vLLM ended, from its log: the cause in our words if it is a known one, else the error that came first.

An engine is several processes. The one that fails logs its error; a hundred lines further down those that waited for
it log theirs, which say only that there is a cause above. A warning may read like a cause and is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, pairwise, takewhile
from pathlib import Path

from scriptorium.process.log_files import old_log
from services.server.failures.known_causes import FailureCause, find_known_cause

MAX_LENGTH = 400  # characters of an error that is passed on as it is
PREFIX = re.compile(
    r"^(?:\([\w ]+ pid=\d+\) )?(?:(?P<level>[A-Z]+) [\d-]+ [\d:]+ \[[^\]]*\] ?)?"  # (EngineCore pid=9) ERROR 11-26 ...
)
HARMLESS_LEVELS = {"DEBUG", "INFO", "WARNING"}
ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)")
FINAL_ERROR = re.compile(  # after these an engine never answers, even if one of its processes hangs
    r"EngineCore failed to start|EngineCore encountered a fatal error|WorkerProc failed to start|"
    r"WorkerProc initialization failed|Engine core initialization failed|EngineDeadError"
)
CONSEQUENCES = ("See root cause above", "See stack trace", "EngineDeadError", "CancelledError")


def find_cause(lines: Iterable[str]) -> FailureCause | None:
    """Return why an engine ended, from the lines of its log; None if they hold no error."""
    messages = list(_errors_and_output(lines))
    if known := find_known_cause(messages):
        return known
    error = _first_error(messages)
    return FailureCause(error) if error else None


def has_final_error(lines: Iterable[str]) -> bool:
    """Return whether the lines of a log hold an error after which an engine never answers."""
    return any(FINAL_ERROR.search(message) for message in _errors_and_output(lines))


def append_mark(log: Path, mark: str) -> None:
    """Append a line of its own to a log, at which the output of a new engine begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"\n{mark}\n")


def read_since(log: Path, mark: str) -> list[str]:
    """Return a log's lines after the last one that is `mark`, also if the log was rotated since; [] without a mark."""
    lines: list[str] = []
    for path in (log, old_log(log, 1)):
        if path.exists():
            lines = path.read_text("utf-8", errors="replace").split("\n") + lines
        if mark in lines:
            return lines[len(lines) - lines[::-1].index(mark) :]
    return []


def _errors_and_output(lines: Iterable[str]) -> Iterator[str]:
    """Yield the messages without their prefixes, and without those of a level that does no harm."""
    for line in lines:
        prefix = PREFIX.match(line)
        if prefix is None or prefix["level"] not in HARMLESS_LEVELS:
            yield line[prefix.end() if prefix else 0 :].strip()


def _first_error(messages: Sequence[str]) -> str | None:
    """Return the last error before the first one that points to a cause above; without such a one, the last error."""
    errors = [
        f"{message} {detail}" if "validation error" in message else message  # pydantic's words are on the next line
        for message, detail in pairwise([*messages, ""])
        if ERROR.match(message)
    ]
    causes = list(takewhile(lambda error: not _is_consequence(error), dropwhile(_is_consequence, errors)))
    return next((error[:MAX_LENGTH] for error in reversed(causes or errors)), None)


def _is_consequence(error: str) -> bool:
    return any(text in error for text in CONSEQUENCES)
