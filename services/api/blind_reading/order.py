"""The order in which a reader sees the pairs: the same on every request, and unpredictable for the reader.

Everything follows from a keyed hash of the reader and the passage. Its key, the seed, never leaves the server.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

MAX_PASSAGES = 12  # for one reader: about half an hour; more would be answered carelessly


@dataclass(frozen=True)
class Turn:
    """A pair of texts in a reader's order, and whether A is the tuned model's."""

    passage: int
    tuned_first: bool


def plan_turns(seed: str, reader: str, passages: Sequence[int]) -> list[Turn]:
    """Shuffle at most MAX_PASSAGES of the passages for a reader; tuned is A in half of them, give or take one.

    Balanced, because a reader who prefers whatever stands first would otherwise count for one of the models.
    """
    chosen = _shuffle(seed, f"which {reader}", passages)[:MAX_PASSAGES]
    coin = _draw(seed, f"odd {reader}", 0)[0] % 2
    first = set(_shuffle(seed, f"first {reader}", chosen)[coin::2])
    return [Turn(passage, passage in first) for passage in chosen]


def _shuffle(seed: str, use: str, passages: Sequence[int]) -> list[int]:
    return sorted(passages, key=lambda passage: _draw(seed, use, passage))


def _draw(seed: str, use: str, passage: int) -> bytes:
    return hmac.digest(seed.encode(), f"{passage} {use}".encode("utf-8", "surrogatepass"), hashlib.sha256)
