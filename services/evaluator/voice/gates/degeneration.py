"""Does it go round in circles, or is it noise? How far text can be compressed, and how often it repeats itself.

The window is that of genuine text of the same length: a short text compresses less well.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from services.evaluator.voice.align_lengths import Prepared, Text
from services.evaluator.voice.features.chunk import cut_chunks, cut_to
from services.evaluator.voice.features.words import count_words, list_words, plain
from services.evaluator.voice.gates.gate import Gate, grade
from services.evaluator.voice.inputs import Endings

GRAM = 4  # words
MARGIN = 0.03  # of the compression ratio, beyond the 1st and 99th percentile of genuine text
REPEATED = 0.06  # share of repeated 4-grams; genuine text of 500 words has 0.02 to 0.034 at its 99th percentile
FAILING, MORE = 0.02, 0.03  # share of failing passages, or so much above the base's
STEP = 50  # words: lengths are rounded to it
ENDING = 0.25  # how much rarer or more frequent endings may be before somebody should look
NEXT = "Train for fewer steps or with a lower learning rate; look at the passages named here."


@dataclass(frozen=True)
class Window:
    """What genuine text of one length is like."""

    low: float
    high: float
    repeated: float


@dataclass
class Windows:
    """Windows of every length, from genuine chunks that are at least as long."""

    genuine: Sequence[str]

    @cached_property
    def known(self) -> dict[int, Window]:
        """Those that were asked for before."""
        return {}

    def find(self, words: int) -> Window:
        """The window for texts of about so many words."""
        length = max(STEP, round(words / STEP) * STEP)
        if length not in self.known:
            self.known[length] = self._measure(length)
        return self.known[length]

    def _measure(self, length: int) -> Window:
        long = [text for text in self.genuine if count_words(text) >= 0.9 * length] or self.genuine
        texts = [cut_to(text, length) for text in long]
        low, high = np.percentile([compress(text) for text in texts], (1, 99))
        repeated = float(np.percentile([repeat(text) for text in texts], 99))
        return Window(float(low) - MARGIN, float(high) + MARGIN, max(REPEATED, 2 * repeated))

    def holds(self, text: str) -> bool:
        """Whether a text could be genuine."""
        window = self.find(count_words(text))
        return window.low <= compress(text) <= window.high and repeat(text) <= window.repeated


def check_degeneration(prepared: Prepared, genuine: Sequence[str], endings: Endings | None) -> Gate:
    """Fail where too many passages compress too well, too badly or repeat themselves; short ones are another gate's."""
    windows = Windows(genuine)
    failing = find_failing(prepared.tuned, windows)
    share, base = (len(found) / len(prepared.tuned) for found in (failing, find_failing(prepared.base, windows)))
    limit = max(FAILING, base + MORE)
    ended = _compare_endings(endings)
    outcome = grade(share > limit, share > base or abs(ended.get("ended_difference", 0.0)) > ENDING)
    window = windows.find(prepared.length)
    return Gate(
        code="degeneration",
        outcome=outcome,
        finding=f"{share:.0%} of the passages repeat themselves or are noise (the base's: {base:.0%})."
        + _tell_endings(ended),
        next_step="" if outcome == "pass" else NEXT,
        numbers={
            "failing": share,
            "base_failing": base,
            "limit": limit,
            "ratio_low": window.low,
            "ratio_high": window.high,
            "repeated_limit": window.repeated,
            **ended,
        },
        samples=failing,
    )


def find_failing(texts: Sequence[Text], windows: Windows) -> list[int]:
    """The places of texts of which a piece is outside its window."""
    told = {place: text.whole for place, text in enumerate(texts) if text.words >= STEP}
    return [
        place for place, text in told.items() if not all(windows.holds(piece) for piece in cut_chunks([text]) or [text])
    ]


def compress(text: str) -> float:
    """The size of the compressed text as a share of its own."""
    data = plain(text).encode()
    return len(zlib.compress(data, 9)) / max(1, len(data))


def repeat(text: str) -> float:
    """The share of 4-grams that were there before."""
    words = list_words(text)
    grams = list(zip(*(words[start:] for start in range(GRAM)), strict=False))
    return 1 - len(set(grams)) / max(1, len(grams)) if grams else 0.0


def _tell_endings(ended: dict[str, float]) -> str:
    """How many ended by themselves, where it is known."""
    return f" {ended['ended']:.0%} ended by themselves (the base's: {ended['base_ended']:.0%})." if ended else ""


def _compare_endings(endings: Endings | None) -> dict[str, float]:
    if endings is None or not endings.tuned:
        return {}
    base, tuned = (sum(ended) / len(ended) for ended in (endings.base, endings.tuned))
    return {"ended": tuned, "base_ended": base, "ended_difference": tuned - base}
