"""Does it write what was asked? The share of a brief's content words that come back in the passage.

Words of more than half of all briefs are the form of the brief, not its content. The share for other briefs' words
stands beside it: so much comes back by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from services.evaluator.voice.gates.gate import Gate, grade
from services.evaluator.voice.words import list_words

STEM = 5  # letters by which "cabin" and "cabins" are the same word
LONG = 4  # letters that a content word has at least
FORM = 0.5  # share of briefs above which a word is their form
WORSE, LESS = -0.10, -0.05  # against the base: fail below, warn below
NEXT = "Train with the prompt recipe 'brief', or mix more instructions in; then compare again."


def check_adherence(briefs: Sequence[str], base: Sequence[str], tuned: Sequence[str]) -> Gate:
    """Fail where the tuned model brings back less of its briefs than the base, by more than ten points."""
    content = read_content(briefs)
    theirs, ours = recall(content, base), recall(content, tuned)
    chance = recall([*content[1:], *content[:1]], tuned)
    difference = ours - theirs
    outcome = grade(difference < WORSE, difference < LESS)
    return Gate(
        code="adherence",
        outcome=outcome,
        finding=f"{ours:.0%} of the briefs' content words come back "
        f"(the base's: {theirs:.0%}; by chance: {chance:.0%}).",
        next_step="" if outcome == "pass" else NEXT,
        numbers={"recall": ours, "base_recall": theirs, "by_chance": chance, "difference": difference},
    )


def read_content(briefs: Sequence[str]) -> list[frozenset[str]]:
    """The stems of each brief's content words."""
    stems = [frozenset(word[:STEM] for word in list_words(brief) if len(word) >= LONG) for brief in briefs]
    counts = Counter(stem for found in stems for stem in found)
    form = {stem for stem, number in counts.items() if number > max(1, FORM * len(briefs))}
    return [found - form for found in stems]


def recall(content: Sequence[frozenset[str]], texts: Sequence[str]) -> float:
    """Mean share of content words that are in the text of the same place; briefs without any are left out."""
    told = [{word[:STEM] for word in list_words(text)} for text in texts]
    shares = [len(asked & found) / len(asked) for asked, found in zip(content, told, strict=True) if asked]
    return float(np.mean(shares)) if shares else 0.0
