"""Offsets of the words or tokens of a text, so that the length of any part of it is one subtraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scriptorium.text.word_spans import find_word_spans, has_unspaced

Positions = NDArray[np.int64]

IS_SPACE = np.array([chr(code).isspace() for code in range(0x3002)])  # no white space comes later in Unicode


@dataclass(frozen=True)
class UnitOffsets:
    """The first character of each word or token, and the one after its last, in order."""

    starts: Positions
    ends: Positions

    def count_started(self, positions: Positions) -> Positions:
        """Count the units that start before each position."""
        return np.searchsorted(self.starts, positions, side="left")

    def count_ended(self, positions: Positions) -> Positions:
        """Count the units that have ended at each position."""
        return np.searchsorted(self.ends, positions, side="right")

    def lengths(self, starts: Positions, ends: Positions) -> Positions:
        """Count the units that are, at least in part, in each span from a start to an end."""
        return self.count_started(ends) - self.count_ended(starts)

    def length(self, start: int, end: int) -> int:
        """Count the units of one span."""
        return int(np.searchsorted(self.starts, end) - np.searchsorted(self.ends, start, side="right"))


def word_offsets(text: str) -> UnitOffsets:
    """Return the offsets of the words of a text: of `str.split`, and of dictionaries where a script has no spaces."""
    if has_unspaced(text):
        spans = np.array(find_word_spans(text), np.int64)
        return UnitOffsets(spans[:, 0], spans[:, 1])
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    space = np.concatenate(([True], IS_SPACE[np.minimum(codes, len(IS_SPACE) - 1)], [True]))
    edges = np.flatnonzero(space[1:] != space[:-1])
    return UnitOffsets(edges[::2], edges[1::2])


def token_offsets(offsets: Positions) -> UnitOffsets:
    """Return the offsets of the tokens of a text, from an array of (tokens, 2)."""
    return UnitOffsets(offsets[:, 0], offsets[:, 1])
