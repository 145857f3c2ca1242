"""Instructions to answer in another language, recognised by the small words that every text of a language has."""

from __future__ import annotations

from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence
from scriptorium.text.languages.detect import count_words_apart, rank_languages
from scriptorium.text.languages.language import read_language

CODES = ("fr", "es", "de", "en")  # that an answer is sought in; the others are too like them for two sentences
FOREIGN = ("French", "Spanish", "German")
MIN_WORDS = 6  # fewer may belong to several languages


def foreign_language(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for an answer in French, Spanish or German."""
    language = FOREIGN[turn % len(FOREIGN)]
    request = f"{opening_sentence(topic, turn)} Answer in {language} only, with one or two sentences."
    return request, lambda text: detect_language(text) == language


def detect_language(text: str) -> str | None:
    """Return the language with the most small words in a text; None if it is too short or two have equally many."""
    counts = count_words_apart(text)
    (first, number), (_, second) = rank_languages(counts, CODES)[:2]
    return None if counts.total() < MIN_WORDS or number == second else read_language(first).name
