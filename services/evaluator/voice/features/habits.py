"""Habits that can be counted in any text: sentences, paragraphs, dialogue, punctuation, contractions, openers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from services.evaluator.voice.features.words import PRONOUNS, count_words, list_words, plain

SENTENCE = re.compile(r"(?<=[.!?])[\"']?\s+(?=[\"']?[A-Z])")
SPEECH = re.compile(r'"[^"]*(?:"|$)')
PARAGRAPH = re.compile(r"\n\s*\n")
CONTRACTION = re.compile(r"\b\w+(?:n't|'(?:ll|re|ve|d|m))\b|\b(?:it|that|there|he|she|what|who|let)'s\b", re.IGNORECASE)
ADVERB = re.compile(r"\b\w{3,}ly\b", re.IGNORECASE)
SIGNS = {"commas": ",", "semicolons": ";", "colons": ":", "dashes": " - ", "exclamation marks": "!",
         "question marks": "?"}  # fmt: skip
JOINING = frozenset(["and", "but", "or", "nor", "yet", "so", "for"])


def split_sentences(text: str) -> list[str]:
    """Sentences by their closing signs."""
    return [sentence for sentence in SENTENCE.split(plain(text)) if count_words(sentence)]


def sentence_length(text: str) -> float:
    """Words per sentence."""
    return count_words(text) / max(1, len(split_sentences(text)))


def paragraph_length(text: str) -> float:
    """Words per paragraph."""
    return count_words(text) / max(1, sum(1 for part in PARAGRAPH.split(text) if count_words(part)))


def dialogue(text: str) -> float:
    """Percent of characters between quotation marks, paragraph by paragraph."""
    parts = [plain(part) for part in PARAGRAPH.split(text)]
    said = sum(len(match.group()) for part in parts for match in SPEECH.finditer(part))
    return 100 * said / max(1, sum(map(len, parts)))


def per_thousand(count: int, text: str) -> float:
    """A count per 1,000 words."""
    return 1000 * count / max(1, count_words(text))


def sign(which: str) -> Callable[[str], float]:
    """How often a sign of punctuation is set, per 1,000 words."""
    return lambda text: per_thousand(plain(text).count(which), text)


def contractions(text: str) -> float:
    """Contractions per 1,000 words."""
    return per_thousand(sum(1 for _ in CONTRACTION.finditer(plain(text))), text)


def adverbs(text: str) -> float:
    """Words in -ly per 1,000 words."""
    return per_thousand(sum(1 for _ in ADVERB.finditer(text)), text)


def openers(kind: frozenset[str]) -> Callable[[str], float]:
    """Percent of sentences whose first word is one of a kind."""

    def share(text: str) -> float:
        first = [list_words(sentence)[0] for sentence in split_sentences(text)]
        return 100 * sum(word in kind for word in first) / max(1, len(first))

    return share


HABITS: Mapping[str, tuple[Callable[[str], float], str]] = {
    "words per sentence": (sentence_length, "words"),
    "words per paragraph": (paragraph_length, "words"),
    "share of dialogue": (dialogue, "%"),
    **{name: (sign(which), "per 1,000 words") for name, which in SIGNS.items()},
    "contractions": (contractions, "per 1,000 words"),
    "adverbs in -ly": (adverbs, "per 1,000 words"),
    "sentences that open with a conjunction": (openers(JOINING), "%"),
    "sentences that open with a personal pronoun": (openers(PRONOUNS), "%"),
}
