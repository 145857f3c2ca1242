"""What follows a story: "The End", an index, advertisements, notes of a transcriber."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.data.cleaning.headings import AROUND, END, LONGEST_TITLE, numbered
from services.data.cleaning.layout import Block, Layout
from services.data.cleaning.steps import Cleaning, Step

LAST = 0.2  # of a book's words, in which back matter can begin
AFTER_END = 0.1  # of a book's words at most follow its "The End"
STORY = 60  # words under a numbered heading that are a chapter
TRANSCRIBER = re.compile(
    r"^\W*(?:transcriber[’']?s?[’']? notes?|notes? (?:by|of|from) the transcriber)\b", re.IGNORECASE
)


def drop_back_matter(blocks: list[Block], layout: Layout, cleaning: Cleaning) -> list[Block]:
    """The blocks up to where the story ends."""
    end = find_end(blocks, layout.vocabulary.words)
    for block in blocks[end:]:
        cleaning.note(Step.BACK_MATTER, block.line, block.text)
    return blocks[:end]


def find_end(blocks: Sequence[Block], words: int) -> int:
    """The index of the first block of the back matter; seen from the end, no chapter may lie in it."""
    end, after, chapter = len(blocks), 0, 0
    for index in range(len(blocks) - 1, 0, -1):
        block = blocks[index]
        if after > LAST * words:
            break
        text = block.text if block.words * 2 < LONGEST_TITLE else " ".join(block.lines[:1])
        if len(text) <= LONGEST_TITLE and numbered(text):
            if chapter >= STORY:
                break
            chapter = 0
        elif begins(text, after, words):
            end = index
        after += block.words
        chapter += block.words
    return end


def begins(text: str, after: int, words: int) -> bool:
    """Whether a text is a heading of back matter, or the book's "The End", with so many words after it."""
    if len(text) > LONGEST_TITLE:
        return False
    if END.match(text):
        return after <= AFTER_END * words
    return bool(AROUND.match(text) or TRANSCRIBER.match(text))
