"""Count what a text is made of: words, sentences, paragraphs, lines and lists."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+(?:['’-]\w+)*")
SENTENCE_END = re.compile(r"[.!?…]+[\"'”’)*_]*(?=\s|$)")
BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
BULLET = re.compile(r"[-*•]\s+\S")
NUMBERED = re.compile(r"\d+[.)]\s+\S")


def words(text: str) -> list[str]:
    """The words of a text; "don't" and "well-known" are one each."""
    return WORD.findall(text)


def sentences(text: str) -> list[str]:
    """Stretches that end with a full stop, a question or an exclamation mark; the last one may have none."""
    return [part for part in cut_after(SENTENCE_END, text) if words(part)]


def paragraphs(text: str) -> list[str]:
    """What stands between blank lines."""
    return [part for part in BLANK_LINE.split(text) if part.strip()]


def lines(text: str) -> list[str]:
    """Lines that are not blank."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def bullets(text: str) -> int:
    """Lines that begin with a bullet."""
    return sum(bool(BULLET.match(line)) for line in lines(text))


def numbered(text: str) -> int:
    """Lines that begin with a number and a full stop or bracket."""
    return sum(bool(NUMBERED.match(line)) for line in lines(text))


def times(word: str, text: str) -> int:
    """How often a word stands in a text, in either case and not as a part of another."""
    return sum(found.casefold() == word.casefold() for found in words(text))


def cut_after(mark: re.Pattern[str], text: str) -> list[str]:
    """The pieces of a text, each with the mark that ends it."""
    ends = [match.end() for match in mark.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
