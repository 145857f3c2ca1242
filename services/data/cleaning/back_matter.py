"""Back matter, which follows the story: "The End", an index, advertisements, notes of a transcriber."""

from __future__ import annotations

from collections.abc import Sequence

from services.data.cleaning.doubt import could_be_story
from services.data.cleaning.evidence.heading_words import matter, story_end, transcriber
from services.data.cleaning.headings import MAX_TITLE_CHARACTERS, is_numbered
from services.data.cleaning.layout import Block, Layout
from services.data.cleaning.steps import CleaningLog, StepName

MAX_BACK_MATTER_SHARE = 0.2  # of a book's words, at its end
MAX_SHARE_AFTER_END = 0.1  # of a book's words, after its "The End"
MIN_CHAPTER_WORDS = 60  # under a numbered heading: fewer are an entry of a list


def drop_back_matter(blocks: list[Block], layout: Layout, log: CleaningLog) -> list[Block]:
    """Return the blocks up to the end of the story."""
    language = layout.language.code
    end = find_end(blocks, layout.vocabulary.words, language)
    titled = False
    story: list[Block] = []
    for block in blocks[end:]:
        titled = titled or is_back_matter_title(block.text, language)
        doubtful = could_be_story(block) and not (titled or is_list(block))
        if not log.change(StepName.BACK_MATTER, block.line, block.text, doubtful=doubtful):
            story.append(block)
    return [*blocks[:end], *story]


def find_end(blocks: Sequence[Block], words: int, language: str) -> int:
    """Return the index of the first block of the back matter, searched from the end; it contains no chapter."""
    end, after, chapter = len(blocks), 0, 0
    for index in range(len(blocks) - 1, 0, -1):
        block = blocks[index]
        if after > MAX_BACK_MATTER_SHARE * words:
            break
        text = block.text if block.words * 2 < MAX_TITLE_CHARACTERS else " ".join(block.lines[:1])
        if len(text) <= MAX_TITLE_CHARACTERS and is_numbered(text):
            if chapter >= MIN_CHAPTER_WORDS:
                break
            chapter = 0
        elif begins_back_matter(text, after, words, language):
            end = index
        after += block.words
        chapter += 0 if is_list(block) else block.words
    return end


def is_list(block: Block) -> bool:
    """Return whether most lines of a block are numbered, as in a table of contents at the end."""
    numbered = sum(is_numbered(line.strip()) for line in block.lines)
    return 2 * numbered > len(block.lines) > 1


def begins_back_matter(text: str, after: int, words: int, language: str) -> bool:
    """Return whether a text with so many words after it is a heading of back matter, or the book's "The End"."""
    if len(text) > MAX_TITLE_CHARACTERS:
        return False
    if story_end(language).match(text):
        return after <= MAX_SHARE_AFTER_END * words
    return is_back_matter_title(text, language)


def is_back_matter_title(text: str, language: str) -> bool:
    """Return whether a text is a heading of what is not story."""
    return len(text) <= MAX_TITLE_CHARACTERS and bool(matter(language).match(text) or transcriber(language).match(text))
