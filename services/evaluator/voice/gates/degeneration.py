"""The gate against loops and noise: how far a text can be compressed, and how often it repeats itself.

Its window is that of genuine text of the same length, because a short text compresses less well.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scriptorium.contracts.report.voice import Gate
from scriptorium.text.words import count_words, list_words, plain
from services.evaluator.voice.align_lengths import AlignedText, AlignedTexts
from services.evaluator.voice.features.chunk import cut_chunks, cut_to
from services.evaluator.voice.gates.gate import grade
from services.evaluator.voice.inputs import Endings

GRAM_WORDS = 4
RATIO_MARGIN = 0.03  # of the compression ratio, beyond the 1st and 99th percentile of genuine text
MAX_REPEATED = 0.06  # share of repeated 4-grams; genuine text of 500 words has 0.02 to 0.034 at its 99th percentile
MAX_FAILING, MAX_ABOVE_BASE = 0.02, 0.03  # share of failing passages, or by how much it may exceed the base's
LENGTH_STEP = 50  # words: lengths are rounded to it
MAX_ENDINGS_LOST = 0.25  # how much rarer than the base's endings may be before somebody should look
NEXT_STEP = "Train for fewer steps or with a lower learning rate; look at the passages named here."


@dataclass(frozen=True)
class Window:
    """The range of compression ratios of genuine text of one length, and the most that it repeats."""

    low: float
    high: float
    repeated: float


@dataclass
class Windows:
    """Windows of every length, from genuine chunks that are at least as long."""

    genuine: Sequence[str]

    @cached_property
    def by_length(self) -> dict[int, Window]:
        """The windows that are measured already."""
        return {}

    def find(self, words: int) -> Window:
        """Return the window for texts of about `words` words."""
        length = max(LENGTH_STEP, round(words / LENGTH_STEP) * LENGTH_STEP)
        if length not in self.by_length:
            self.by_length[length] = self._measure(length)
        return self.by_length[length]

    def _measure(self, length: int) -> Window:
        long_texts = [text for text in self.genuine if count_words(text) >= 0.9 * length] or self.genuine
        texts = [cut_to(text, length) for text in long_texts]
        low, high = np.percentile([compression_ratio(text) for text in texts], (1, 99))
        repeated = float(np.percentile([repeated_share(text) for text in texts], 99))
        return Window(float(low) - RATIO_MARGIN, float(high) + RATIO_MARGIN, max(MAX_REPEATED, 2 * repeated))

    def contain(self, text: str) -> bool:
        """Return whether a text could be genuine."""
        window = self.find(count_words(text))
        return window.low <= compression_ratio(text) <= window.high and repeated_share(text) <= window.repeated


def check_degeneration(aligned: AlignedTexts, genuine: Sequence[str], endings: Endings | None) -> Gate:
    """Fail if too many passages compress too well, too badly or repeat themselves; another gate checks short ones.

    A model that ends its passages more often than its base is not worse for it, one that loses the end is looked at.
    """
    windows = Windows(genuine)
    failing, base_failing = find_failing(aligned.tuned, windows), find_failing(aligned.base, windows)
    share, base = (len(indices) / len(aligned.tuned) for indices in (failing, base_failing))
    limit = max(MAX_FAILING, base + MAX_ABOVE_BASE)
    ended = _compare_endings(endings)
    outcome = grade(share > limit, share > base or ended.get("ended_difference", 0.0) < -MAX_ENDINGS_LOST)
    window = windows.find(aligned.length)
    return Gate(
        code="degeneration",
        outcome=outcome,
        finding=f"{share:.0%} of the passages repeat themselves or are noise (the base's: {base:.0%})."
        + _describe_endings(ended),
        next_step="" if outcome == "pass" else NEXT_STEP,
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


def find_failing(texts: Sequence[AlignedText], windows: Windows) -> list[int]:
    """Return the indices of the texts of which a piece is outside its window."""
    full_texts = {index: text.full for index, text in enumerate(texts) if text.words >= LENGTH_STEP}
    return [
        index
        for index, text in full_texts.items()
        if not all(windows.contain(piece) for piece in cut_chunks([text]) or [text])
    ]


def compression_ratio(text: str) -> float:
    """Return the size of the compressed text as a share of its own."""
    data = plain(text).encode()
    return len(zlib.compress(data, 9)) / max(1, len(data))


def repeated_share(text: str) -> float:
    """Return the share of 4-grams that occur earlier in the text."""
    words = list_words(text)
    grams = list(zip(*(words[start:] for start in range(GRAM_WORDS)), strict=False))
    return 1 - len(set(grams)) / max(1, len(grams)) if grams else 0.0


def _describe_endings(ended: dict[str, float]) -> str:
    """Return how many passages ended by themselves; empty if that is not known."""
    return f" {ended['ended']:.0%} ended by themselves (the base's: {ended['base_ended']:.0%})." if ended else ""


def _compare_endings(endings: Endings | None) -> dict[str, float]:
    if endings is None or not endings.tuned:
        return {}
    base, tuned = (sum(ended) / len(ended) for ended in (endings.base, endings.tuned))
    return {"ended": tuned, "base_ended": base, "ended_difference": tuned - base}
