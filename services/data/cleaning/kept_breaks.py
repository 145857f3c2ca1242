"""The line breaks that a passage keeps: between lines of verse, speakers of a script, the head and foot of a letter."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise, takewhile

from services.data.cleaning.line_breaks import PassageKind, begins_with_capital, ended_on_purpose, join_hanging

SPEAKER = re.compile(
    r"(?P<name>[^\W\d_]+(?:[ '’.-]{1,2}[^\W\d_]+){0,3})(?:,? ?[(\[][^)\]]*[)\]])?\s?(?P<sign>[.:：]|$)",
)
STAGE_DIRECTION = re.compile(r"[(\[（［][^()\[\]]*[)\]）］]\.?$")
MIN_SPEECHES = 2  # in a block that opens with a speaker's name; one alone may be a sentence


def divide_lines(lines: Sequence[str], kind: PassageKind, width: int, full: float) -> list[list[str]]:
    """Divide a block at the line breaks that stay; `full` is the length of a line that may have ended by itself."""
    purposes = [ended_on_purpose(line, after, full) for line, after in pairwise(lines)]
    if kind is PassageKind.VERSE:
        return [[line] for line in join_hanging(lines, width)]
    if all(purposes):
        return [[line] for line in lines]
    return divide_at(lines, {*find_speeches(lines, purposes), *find_letter_breaks(lines, purposes)})


def divide_at(lines: Sequence[str], starts: set[int]) -> list[list[str]]:
    """Divide lines before each of the indexes."""
    edges = sorted({0, *starts, len(lines)})
    return [list(lines[start:end]) for start, end in pairwise(edges)]


def find_speeches(lines: Sequence[str], purposes: Sequence[bool]) -> set[int]:
    """Return the indexes of lines at which a speech or a stage direction of a script begins or has ended."""
    speakers = [index for index, line in enumerate(lines) if names_speaker(line.strip())]
    if not speakers or speakers[0] or len(speakers) < MIN_SPEECHES:
        return set()
    directions = [index for index, line in enumerate(lines) if STAGE_DIRECTION.match(line.strip())]
    alone = [index for index in (*speakers, *directions) if index < len(purposes) and purposes[index]]
    return {*speakers, *directions, *(index + 1 for index in alone)}


def names_speaker(line: str) -> bool:
    """Return whether a line begins with a name in capitals and a full stop, or with any name and a colon."""
    match = SPEAKER.match(line)
    return match is not None and (match["name"].isupper() or (match["sign"] in (":", "：") and line[0].isupper()))


def find_letter_breaks(lines: Sequence[str], purposes: Sequence[bool]) -> set[int]:
    """Return the indexes of lines that a break on purpose stands before: of the first and of the last lines only."""
    own_breaks = [purpose and begins_with_capital(line) for purpose, line in zip(purposes, lines[1:], strict=True)]
    head = len(list(takewhile(bool, own_breaks)))
    foot = len(list(takewhile(bool, reversed(own_breaks))))
    return {*range(1, head + 1), *range(len(lines) - foot, len(lines))}
