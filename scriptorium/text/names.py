"""Names of people and places in a text, by their capitals; which words are names, the whole book says (book_counts)."""

from __future__ import annotations

import re

from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.words import ANY_CAPITAL

# A pattern that begins with a letter or sign is much faster than one that begins by looking behind.
CAPITAL = "[A-ZÀ-ÖØ-Þ]"
REST = r"(?:[’'-]?\w)*[^\W\d_A-Z]"
MID_SENTENCE_CAPITAL = re.compile(rf"{CAPITAL}(?<=[a-z,;] {CAPITAL}){REST}")
ANY_REST = r"(?:[’'-]?\w)*(?!" + ANY_CAPITAL + r")[^\W\d_]"
ANY_MID_SENTENCE = re.compile(  # behind elided words, too
    rf"{ANY_CAPITAL}(?<=[a-zß-ÿą-žα-ωа-џ,;'’] {ANY_CAPITAL}){ANY_REST}"
)
ANY_NAME = re.compile(rf"{ANY_CAPITAL}(?<!\w{ANY_CAPITAL}){ANY_REST}(?: {ANY_CAPITAL}{ANY_REST})*")
NAME = re.compile(rf"{CAPITAL}(?<!\w{CAPITAL}){REST}(?: {CAPITAL}{REST})*")
PRONOUN = re.compile(r"I['’]")  # "I'll" is capitalised everywhere, too
POSSESSIVE = re.compile(r"['’]s?$")


def mid_sentence_capital(language: Language) -> re.Pattern[str]:
    """Return the pattern of a capitalised word inside a sentence."""
    return MID_SENTENCE_CAPITAL if language == ENGLISH else ANY_MID_SENTENCE


def name_pattern(language: Language) -> re.Pattern[str]:
    """Return the pattern of a run of capitalised words."""
    return NAME if language == ENGLISH else ANY_NAME


def keep_names(capitals: str, names: frozenset[str]) -> str:
    """Return the words of a run of capitalised words that are names: "Then Tarzan" is "Tarzan"."""
    return " ".join(word for word in map(strip_possessive, capitals.split()) if word in names)


def strip_possessive(word: str) -> str:
    """Return a word without its possessive ending."""
    return POSSESSIVE.sub("", word)
