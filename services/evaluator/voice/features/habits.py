"""Habits that can be counted in any text: sentences, paragraphs, dialogue, punctuation, contractions, openers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from scriptorium.text.sentences import split_plain_sentences
from scriptorium.text.words import count_words, list_words, plain
from services.evaluator.voice.features.closed_classes import PRONOUNS

SPEECH = re.compile(r'"[^"]*(?:"|$)')
PARAGRAPH = re.compile(r"\n\s*\n")
CONTRACTION = re.compile(r"\b\w+(?:n't|'(?:ll|re|ve|d|m))\b|\b(?:it|that|there|he|she|what|who|let)'s\b", re.IGNORECASE)
ADVERB = re.compile(r"\b\w{3,}ly\b", re.IGNORECASE)
SIGNS = {"commas": ",", "semicolons": ";", "colons": ":", "dashes": " - ", "exclamation marks": "!",
         "question marks": "?"}  # fmt: skip
CONJUNCTIONS = frozenset(["and", "but", "or", "nor", "yet", "so", "for"])


def sentence_length(text: str) -> float:
    """Return the words per sentence."""
    return count_words(text) / max(1, len(split_plain_sentences(text)))


def paragraph_length(text: str) -> float:
    """Return the words per paragraph."""
    return count_words(text) / max(1, sum(1 for part in PARAGRAPH.split(text) if count_words(part)))


def dialogue_share(text: str) -> float:
    """Return the percentage of characters between quotation marks, matched paragraph by paragraph."""
    parts = [plain(part) for part in PARAGRAPH.split(text)]
    spoken = sum(len(match.group()) for part in parts for match in SPEECH.finditer(part))
    return 100 * spoken / max(1, sum(map(len, parts)))


def per_thousand(count: int, text: str) -> float:
    """Return a count per 1,000 words of a text."""
    return 1000 * count / max(1, count_words(text))


def sign_frequency(sign: str) -> Callable[[str], float]:
    """Return a function that measures how often a sign of punctuation is set, per 1,000 words."""
    return lambda text: per_thousand(plain(text).count(sign), text)


def contraction_frequency(text: str) -> float:
    """Return the contractions per 1,000 words."""
    return per_thousand(sum(1 for _ in CONTRACTION.finditer(plain(text))), text)


def adverb_frequency(text: str) -> float:
    """Return the words in -ly per 1,000 words."""
    return per_thousand(sum(1 for _ in ADVERB.finditer(text)), text)


def opener_share(openers: frozenset[str]) -> Callable[[str], float]:
    """Return a function that measures the percentage of sentences whose first word is one of `openers`."""

    def measure_share(text: str) -> float:
        first_words = [list_words(sentence)[0] for sentence in split_plain_sentences(text)]
        return 100 * sum(word in openers for word in first_words) / max(1, len(first_words))

    return measure_share


HABITS: Mapping[str, tuple[Callable[[str], float], str]] = {
    "words per sentence": (sentence_length, "words"),
    "words per paragraph": (paragraph_length, "words"),
    "share of dialogue": (dialogue_share, "%"),
    **{name: (sign_frequency(sign), "per 1,000 words") for name, sign in SIGNS.items()},
    "contractions": (contraction_frequency, "per 1,000 words"),
    "adverbs in -ly": (adverb_frequency, "per 1,000 words"),
    "sentences that open with a conjunction": (opener_share(CONJUNCTIONS), "%"),
    "sentences that open with a personal pronoun": (opener_share(PRONOUNS), "%"),
}
