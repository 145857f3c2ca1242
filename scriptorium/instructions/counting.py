"""Count the words, sentences, paragraphs, lines and list entries of an answer."""

from __future__ import annotations

import re

from scriptorium.text.sentences import split_answer
from scriptorium.text.words import ALPHANUMERIC_COMPOUND

BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
BULLET = re.compile(r"[-*•]\s+\S")
NUMBERED = re.compile(r"\d+[.)]\s+\S")


def list_words(text: str) -> list[str]:
    """List the words of a text; "don't" and "well-known" are one each."""
    return ALPHANUMERIC_COMPOUND.findall(text)


def split_sentences(text: str) -> list[str]:
    """Split behind full stops, question marks and exclamation marks; the last sentence may have none."""
    return split_answer(text)


def split_paragraphs(text: str) -> list[str]:
    """Split at blank lines."""
    return [part for part in BLANK_LINE.split(text) if part.strip()]


def split_lines(text: str) -> list[str]:
    """List the lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def count_bullets(text: str) -> int:
    """Count the lines that begin with a bullet."""
    return sum(bool(BULLET.match(line)) for line in split_lines(text))


def count_numbered(text: str) -> int:
    """Count the lines that begin with a number and a full stop or bracket."""
    return sum(bool(NUMBERED.match(line)) for line in split_lines(text))


def count_word(word: str, text: str) -> int:
    """Count a word in a text, in either case and not as a part of another."""
    return sum(written.casefold() == word.casefold() for written in list_words(text))
