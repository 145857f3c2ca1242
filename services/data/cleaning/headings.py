"""Classification of blocks as headings, contents or scene breaks, by their words and the space around them."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum, auto

from scriptorium.text.sentences import CLOSING_SIGNS, SENTENCE_STOPS
from services.data.cleaning.evidence.heading_words import LABELLED, ROMAN, SPELLED, contents, story_end
from services.data.cleaning.layout import FULL_LINE_SHARE, Block, Layout

MARKDOWN = re.compile(r"^#{1,6}\s+\S")
BARE_NUMBER = re.compile(rf"^[\s\[(_*–—-]*(?:{ROMAN}|\d{{1,3}})[\s\])_*–—.:-]*$")
BARE_SPELLED = re.compile(rf"^(?:{SPELLED})$", re.IGNORECASE)
NUMBERED_TITLE = re.compile(rf"^(?:{ROMAN}|\d{{1,3}})(?:[.:)]\s+|\s+[-–—]+\s*|\s{{2,}})[A-Z\"“'‘].*[^.,;:]$")
SENTENCE_END = re.compile(rf"[{SENTENCE_STOPS}:;,：；，、،؛—-][{CLOSING_SIGNS}]*$")

TITLE_SIGNS = ".:：—–(-"  # between a chapter's number and its title
QUOTES = "\"'“‘„‚«»‹›「『"  # they open speech
LETTER = re.compile(r"[^\W_]")
MAX_TITLE_CHARACTERS = 80
MAX_HEADING_LINES = 2
MAX_TITLE_LINES = 4  # of a heading in the book's own numbering, as of old novels
MAX_TITLE_LINES_CHARACTERS = 300
WIDE_GAP = 2  # blank lines more than usual, which remain of headings that a conversion dropped


class BlockKind(Enum):
    """The purpose of a block."""

    TEXT = auto()
    HEADING = auto()
    SUBTITLE = auto()
    CONTENTS = auto()
    SCENE_BREAK = auto()  # or "The End"


def split_heading(block: Block, layout: Layout) -> list[Block]:
    """Make a heading without a gap below it a block of its own."""
    if len(block.lines) == 1:
        return [block]
    first, rest = block.lines[0].strip(), block.lines[1:]
    if layout.numbers(block) and is_title_of_lines(block) and not is_number_alone(first):
        return [block]
    if (
        len(first) < FULL_LINE_SHARE * layout.width
        and (layout.numbers(block) or is_labelled(first) or (BARE_NUMBER.match(first) and layout.may_number(block)))
        and first[-1:] not in ",;"
    ):
        return [replace(block, lines=(first,)), Block(rest, 0, line=block.line + 1)]
    return [block]


def is_title_of_lines(block: Block) -> bool:
    """Return whether a block is short enough for a heading in the book's own numbering."""
    return len(block.lines) <= MAX_TITLE_LINES and len(block.text) <= MAX_TITLE_LINES_CHARACTERS


def is_number_alone(line: str) -> bool:
    """Return whether a line is a number, or a word with one, without a title."""
    label = LABELLED.match(line)
    return not label["rest"].strip(".: ") if label else True


def classify(block: Block, layout: Layout, after_heading: bool) -> BlockKind:
    """Classify a block; `after_heading` says that nothing but headings came since the last text."""
    if layout.numbers(block) and not layout.has_headings and is_title_of_lines(block):
        return BlockKind.HEADING
    if len(block.lines) > MAX_HEADING_LINES and any(map(LETTER.search, block.lines)):
        return BlockKind.TEXT
    text = block.text
    if not LETTER.search(text) or story_end(layout.language.code).match(text):
        return BlockKind.SCENE_BREAK
    if contents(layout.language.code).match(text):
        return BlockKind.CONTENTS
    if layout.has_headings:
        return (
            (BlockKind.SUBTITLE if block.level > layout.chapter_level else BlockKind.HEADING)
            if block.level
            else BlockKind.TEXT
        )
    return judge_short(block, text, layout, after_heading) if len(text) <= MAX_TITLE_CHARACTERS else BlockKind.TEXT


def judge_short(block: Block, text: str, layout: Layout, after_heading: bool) -> BlockKind:
    """Classify a block that is short enough for a heading: a heading, a title under one, or text."""
    if BARE_NUMBER.match(text) and not layout.may_number(block):
        return BlockKind.TEXT
    if is_heading(text, set_apart=block.page_break or block.gap > layout.usual_gap):
        return BlockKind.HEADING
    if text[0] in QUOTES or not (is_all_capitals(text) or looks_like_title(text)):
        return BlockKind.TEXT
    if after_heading:
        return BlockKind.SUBTITLE
    wide_gap = block.page_break or block.gap >= layout.usual_gap + WIDE_GAP
    return BlockKind.HEADING if wide_gap else BlockKind.TEXT


def is_heading(text: str, set_apart: bool) -> bool:
    """Return whether a text is a heading by its words, or by a number and the space before it."""
    if is_labelled(text) or BARE_NUMBER.match(text) or MARKDOWN.match(text):
        return True
    return set_apart and bool(NUMBERED_TITLE.match(text) or BARE_SPELLED.match(text))


def is_labelled(line: str) -> bool:
    """Return whether a line is like "Chapter 4", "PART ONE: The Sea" or "Prologue", not "Part one of the plan was"."""
    match = LABELLED.match(line)
    return match is not None and len(line) <= MAX_TITLE_CHARACTERS and opens_title(line, match["rest"])


def opens_title(line: str, rest: str) -> bool:
    """Return whether what follows a number is nothing or a title: in capitals, behind a sign, or apart from it.

    >>> opens_title("Chapter 4 The River", "The River"), opens_title("Part one of the plan", "of the plan")
    (True, False)
    """
    if not rest or rest[0] in TITLE_SIGNS + QUOTES or rest[0].isupper():
        return True
    has_case = rest[0].lower() != rest[0].upper()
    return rest[0].isalpha() and not has_case and line[-len(rest) - 1].isspace() and not SENTENCE_END.search(line)


def is_numbered(text: str) -> bool:
    """Return whether a heading has a number or a name like "Prologue", so that a title before it is a larger part's."""
    return is_labelled(text) or bool(BARE_NUMBER.match(text) or NUMBERED_TITLE.match(text) or BARE_SPELLED.match(text))


def is_all_capitals(text: str) -> bool:
    """Return whether a text is in capitals, as titles are."""
    return text.isupper() and sum(character.isalpha() for character in text) > 2 and not text.endswith((":", ",", ";"))


def looks_like_title(text: str) -> bool:
    """Return whether a text could be a title: short, capitalised, not the end of a sentence, not speech."""
    return len(text) <= 60 and text[0].isupper() and not SENTENCE_END.search(text) and len(text.split()) <= 10
