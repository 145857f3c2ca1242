"""The archive of a job's events on the volume: runs/<job id>/events.jsonl, one event a line, oldest first.

It is written once a job has ended, before its events in the store are trimmed. Ids only grow, so that a place is found
by bisection and a page of a long log costs as much as one of a short log.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from scriptorium.artifacts import manifest
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import Event

BLOCK_BYTES = 1 << 14


def event_order(event_id: str) -> tuple[int, int]:
    """Return the order of an event's id, which is "ftevent-<milliseconds>-<number>"."""
    milliseconds, number = event_id.split("-")[-2:]
    return int(milliseconds), int(number)


class EventArchive:
    """The archived events of one job; there may be none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, events: Iterable[Event]) -> None:
        """Append the events that are newer than the last one here, oldest first, and make them durable."""
        with disk_errors():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                end = _end_of_lines(file)
                file.truncate(end)  # what a crash left of a line
                last = next((event.id for event in _read_backwards(file, end)), "0-0")
                new_events = [event for event in events if event_order(event.id) > event_order(last)]
                file.write(b"".join(event.model_dump_json().encode() + b"\n" for event in new_events))
                file.flush()
                os.fsync(file.fileno())
            if end == 0:
                manifest.sync(self._path.parent)

    def before(self, event_id: str | None, limit: int) -> list[Event]:
        """Return up to `limit` events, newest first, older than an id or, without one, the newest."""
        try:
            with self._path.open("rb") as file:
                end = _end_of_lines(file)
                place = end if event_id is None else _find(file, end, event_order(event_id))
                return [event for event, _ in zip(_read_backwards(file, place), range(limit), strict=False)]
        except FileNotFoundError:
            return []

    def after(self, event_id: str, limit: int) -> list[Event]:
        """Return up to `limit` events, oldest first, newer than an id."""
        try:
            with self._path.open("rb") as file:
                end = _end_of_lines(file)
                milliseconds, number = event_order(event_id)
                file.seek(_find(file, end, (milliseconds, number + 1)))
                lines = zip(file, range(limit), strict=False)
                return [Event.model_validate_json(line) for line, _ in lines if line.endswith(b"\n")]
        except FileNotFoundError:
            return []


def _end_of_lines(file: BinaryIO) -> int:
    """Return the size of the file up to its last whole line."""
    end = file.seek(0, os.SEEK_END)
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        newline = file.read(end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _find(file: BinaryIO, end: int, order: tuple[int, int]) -> int:
    """Return the offset of the first line whose event is not older than `order`, by bisection over the bytes."""
    low, high = 0, end  # lines before `low` are older; the line at `high` is not
    while low < high:
        middle = (low + high) // 2
        file.seek(max(0, middle - 1))
        if middle > 0:
            file.readline()  # to the beginning of the next line; if the byte before was a newline, of this one
        start = file.tell()
        if start >= high:
            file.seek(low)
            start = low
        line = file.readline()
        if _line_order(line) < order:
            low = start + len(line)
        elif start == low:
            return low
        else:
            high = start
    return low


def _line_order(line: bytes) -> tuple[int, int]:
    """Return the order of a line's event; its id is the first field."""
    return event_order(line.split(b'"', 4)[3].decode())


def _read_backwards(file: BinaryIO, end: int) -> Iterator[Event]:
    """Yield the events of the lines before an offset, newest first."""
    rest = b""
    while end > 0:
        start = max(0, end - BLOCK_BYTES)
        file.seek(start)
        rest, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from (Event.model_validate_json(line) for line in reversed(lines) if line)
        end = start
    if rest:
        yield Event.model_validate_json(rest)
