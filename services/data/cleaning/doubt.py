"""Doubt: whether a text that cleaning would leave out for its shape or place could be story.

What nobody could take for story is sure to go: a title, an entry of a contents list, an imprint. All else is counted as
doubtful (services/data/cleaning/steps.py), and a person is asked if it is too much.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from services.data.cleaning.headings import QUOTES, SENTENCE_END, is_numbered
from services.data.cleaning.layout import Block

MIN_PROSE_WORDS = 8
MIN_RUNNING_WORDS = 12  # without the end of a sentence
IMPRINT = re.compile(r"copyright|©|\bisbn\b|gutenberg|\be-?(?:text|book)s?\b|@|://|www\.", re.IGNORECASE)  # anywhere
PAGE_AT_END = re.compile(r"(?:\d|\b[ivxlc])+[\W_]*$", re.IGNORECASE)
LETTERS = re.compile(r"[^\W\d_]+")


def is_prose(block: Block) -> bool:
    """Return whether a block is prose rather than an entry of a list."""
    text = block.text
    return bool(SENTENCE_END.search(text)) and (block.words >= MIN_PROSE_WORDS or text[0] in QUOTES)


def could_be_story(block: Block) -> bool:
    """Return whether a block is prose, or runs on like it without an end of a sentence."""
    text = block.text
    if IMPRINT.search(text):
        return False
    return is_prose(block) or (block.words >= MIN_RUNNING_WORDS and runs_on(text))


def runs_on(text: str) -> bool:
    """Return whether most words begin in lower case, or in a script without it; those of titles and names do not."""
    words: list[str] = LETTERS.findall(text)
    capitalised = sum(word[0].isupper() for word in words)
    return 2 * capitalised < len(words)


def could_be_poem(block: Block, repeated_lines: Collection[str]) -> bool:
    """Return whether a block of a contents list has the length of prose or verse, and few entries of a list."""
    entries = sum(is_entry(line.strip(), repeated_lines) for line in block.lines)
    return block.words >= MIN_RUNNING_WORDS and 2 * entries < len(block.lines)


def is_entry(line: str, repeated_lines: Collection[str]) -> bool:
    """Return whether a line is a number, ends with a page's, or stands in the book once more, as a heading."""
    return PAGE_AT_END.search(line) is not None or is_numbered(line) or join_letters(line) in repeated_lines


def find_repeated_lines(blocks: Sequence[Block]) -> Collection[str]:
    """Return the letters of the lines that stand in a book more than once."""
    once: set[str] = set()
    twice: set[str] = set()
    for block in blocks:
        for line in block.lines:
            letters = join_letters(line)
            (twice if letters in once else once).add(letters)
    return twice


def join_letters(line: str) -> str:
    """Return the letters of a line, without what a contents list writes otherwise."""
    return "".join(LETTERS.findall(line)).casefold()
