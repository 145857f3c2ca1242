"""Habits that can be counted in any text: sentences, paragraphs, dialogue, punctuation, contractions, openers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

from scriptorium.text.languages.language import Language
from scriptorium.text.sentences import split_plain_sentences
from scriptorium.text.words import count_words, list_words, plain

SPEECH_DASH = "- "  # a dash of any kind at the beginning of a paragraph, made plain
PARAGRAPH = re.compile(r"\n\s*\n")
STEM = r"\b\w{3,}"  # of an adverb, before its ending
SIGNS = {"commas": ",", "semicolons": ";", "colons": ":", "dashes": " - ", "exclamation marks": "!",
         "question marks": "?"}  # fmt: skip

Measure = Callable[[str], float]


def sentence_length(text: str) -> float:
    """Return the words per sentence."""
    return count_words(text) / max(1, len(split_plain_sentences(text)))


def paragraph_length(text: str) -> float:
    """Return the words per paragraph."""
    return count_words(text) / max(1, sum(1 for part in PARAGRAPH.split(text) if count_words(part)))


def dialogue_share(language: Language) -> Measure:
    """Return a function that measures the percentage of characters of speech, paragraph by paragraph.

    Speech stands between the language's quotation marks. Where it opens with a dash, all of its paragraph counts, with
    "he said".
    """
    pairs = dict.fromkeys([('"', '"'), *((plain(one), plain(other)) for one, other in language.quote_pairs)])
    speech = re.compile("|".join(f"{opening}[^{closing}]*(?:{closing}|$)" for opening, closing in pairs))

    def count_spoken(part: str) -> int:
        if language.dialogue_dash and part.startswith(SPEECH_DASH):
            return len(part)
        return sum(len(match.group()) for match in speech.finditer(part))

    def measure_share(text: str) -> float:
        parts = [plain(part) for part in PARAGRAPH.split(text)]
        return 100 * sum(map(count_spoken, parts)) / max(1, sum(map(len, parts)))

    return measure_share


def per_thousand(count: int, text: str) -> float:
    """Return a count per 1,000 words of a text."""
    return 1000 * count / max(1, count_words(text))


def sign_frequency(sign: str) -> Measure:
    """Return a function that measures how often a sign of punctuation is set, per 1,000 words."""
    return lambda text: per_thousand(plain(text).count(sign), text)


def pattern_frequency(pattern: str) -> Measure:
    """Return a function that measures how often a pattern occurs in text that is plain, per 1,000 words."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda text: per_thousand(sum(1 for _ in compiled.finditer(plain(text))), text)


def opener_share(openers: frozenset[str], language: Language) -> Measure:
    """Return a function that measures the percentage of sentences whose first word is one of `openers`."""

    def measure_share(text: str) -> float:
        first_words = [list_words(language.separate(sentence))[0] for sentence in split_plain_sentences(text)]
        return 100 * sum(word in openers for word in first_words) / max(1, len(first_words))

    return measure_share


@cache
def list_habits(language: Language) -> dict[str, tuple[Measure, str]]:
    """Return the habits that can be counted in a language: each name with its function and unit."""
    return {
        "words per sentence": (sentence_length, "words"),
        "words per paragraph": (paragraph_length, "words"),
        "share of dialogue": (dialogue_share(language), "%"),
        **{name: (sign_frequency(sign), "per 1,000 words") for name, sign in SIGNS.items()},
        **dict(_list_language_habits(language)),
    }


def _list_language_habits(language: Language) -> Iterator[tuple[str, tuple[Measure, str]]]:
    """Yield the habits for which the language has data."""
    if language.contraction:
        yield "contractions", (pattern_frequency(language.contraction), "per 1,000 words")
    if ending := language.adverb_ending:
        yield f"adverbs in -{ending}", (pattern_frequency(rf"{STEM}{ending}\b"), "per 1,000 words")
    if language.conjunctions:
        yield "sentences that open with a conjunction", (opener_share(language.conjunctions, language), "%")
    if language.personal_pronouns:
        yield "sentences that open with a personal pronoun", (opener_share(language.personal_pronouns, language), "%")
