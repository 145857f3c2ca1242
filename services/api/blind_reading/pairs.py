"""What there is to read: two texts from each held-out brief, and a genuine passage to measure them by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SAMPLES = "samples.jsonl"
AIR = 40  # words that the genuine passage may have more than the longer of the two texts
LEAST = 150  # words of it that are shown in any case


@dataclass(frozen=True)
class Pair:
    """Two texts from the same brief; `passage` is the brief's number, `genuine` what the author made of it."""

    passage: int
    chapter: str
    author: str
    genuine: str
    base: str
    tuned: str


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a samples.jsonl, in the order of the book; a brief that only one of the two answered is left out."""
    found: dict[int, dict[str, Any]] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):  # not splitlines: a text may have U+2028
        if line:
            sample = json.loads(line)
            shared = {name: sample[name] for name in ("chapter", "author", "genuine")}
            found.setdefault(sample["index"], shared).update(_texts(sample))
    return [
        Pair(passage=passage, **fields) for passage, fields in sorted(found.items()) if {"base", "tuned"} <= set(fields)
    ]


def _texts(sample: dict[str, Any]) -> dict[str, str]:
    """The texts of a sample by who wrote them: a line has one passage, or both."""
    if "role" not in sample:
        return {role: sample[role]["text"] for role in ("base", "tuned")}
    wanted = sample["role"] in ("base", "tuned") and sample["split"] == "test"
    return {sample["role"]: sample["text"]} if wanted else {}


def choose_genuine(pairs: Sequence[Pair], pair: Pair) -> str:
    """A passage of the same author from another chapter, where there is one, about as long as the two texts.

    Not the passage of the same brief: it tells of the same things, so a reader would compare events and names, and a
    text that repeats a line of it would give itself away. Half a book on, so that each passage is used about once.
    """
    others = [other for other in _half_round(pairs, pair) if other is not pair and other.author == pair.author]
    chosen = min(others, key=lambda other: other.chapter == pair.chapter, default=pair)
    room = max(LEAST, *(len(text.split()) for text in (pair.base, pair.tuned)))
    return shorten(chosen.genuine, room)


def _half_round(pairs: Sequence[Pair], pair: Pair) -> Iterator[Pair]:
    start = pairs.index(pair) + len(pairs) // 2
    yield from (pairs[(start + step) % len(pairs)] for step in range(len(pairs)))


def shorten(text: str, words: int) -> str:
    """The first `words` words of a text as they stand, with an ellipsis; whole where it is little longer than that."""
    parts = text.split()
    if len(parts) <= words + AIR:
        return text
    end = 0
    for part in parts[:words]:
        end = text.index(part, end) + len(part)
    return f"{text[:end]} …"
