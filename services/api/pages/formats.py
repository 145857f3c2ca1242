"""Moments, durations and sizes in the words of a page."""

from __future__ import annotations

from datetime import UTC, datetime

GIGABYTE, MEGABYTE, KILOBYTE = 10**9, 10**6, 10**3
MINUTE, HOUR = 60, 3600


def format_moment(seconds: float) -> str:
    """Format a Unix time, in UTC; a page's script puts the reader's own time in its place."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"


def format_iso(seconds: float) -> str:
    """Format a Unix time for the attribute `datetime`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def format_duration(seconds: float) -> str:
    """Format a duration in the largest unit that says enough of it."""
    if seconds < 1.5 * MINUTE:
        return _count(seconds, "second")
    return _count(seconds / MINUTE, "minute") if seconds < 1.5 * HOUR else f"{seconds / HOUR:.1f} hours"


def format_size(size: int) -> str:
    """Format a number of bytes."""
    for unit, name in ((GIGABYTE, "GB"), (MEGABYTE, "MB"), (KILOBYTE, "KB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _count(number: float, noun: str) -> str:
    """Return a whole number, at least 1, with its noun."""
    whole = max(1, round(number))
    return f"{whole} {noun}{'' if whole == 1 else 's'}"
