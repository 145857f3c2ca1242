"""Where the words or tokens of a text begin and end, so that the length of any part of it is one subtraction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]

SPACES = np.array([chr(code).isspace() for code in range(0x3002)])  # no white space comes later in Unicode


@dataclass(frozen=True)
class Scale:
    """The first character of each word or token, and the one after its last, in order."""

    starts: Places
    ends: Places

    def begun(self, places: Places) -> Places:
        """How many begin before each place."""
        return np.searchsorted(self.starts, places, side="left")

    def ended(self, places: Places) -> Places:
        """How many have ended at each place."""
        return np.searchsorted(self.ends, places, side="right")

    def lengths(self, starts: Places, ends: Places) -> Places:
        """How many are, at least in part, in each stretch from a start to an end."""
        return self.begun(ends) - self.ended(starts)

    def length(self, start: int, end: int) -> int:
        """The length of one stretch."""
        return int(np.searchsorted(self.starts, end) - np.searchsorted(self.ends, start, side="right"))


def word_scale(text: str) -> Scale:
    """The words of a text, by white space, exactly as `str.split` has them."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    space = np.concatenate(([True], SPACES[np.minimum(codes, len(SPACES) - 1)], [True]))
    edges = np.flatnonzero(space[1:] != space[:-1])
    return Scale(edges[::2], edges[1::2])


def token_scale(offsets: Places) -> Scale:
    """The tokens of a text, from an array of (tokens, 2)."""
    return Scale(offsets[:, 0], offsets[:, 1])
