"""A text as it was typed or scanned becomes chapters of clean paragraphs."""

from __future__ import annotations

import re

from services.data.chapters import Chapter, find_chapters
from services.data.headings import Kind, classify
from services.data.layout import join_lines, read_layout

LICENCE_START = re.compile(
    r"^[^\w\n]*(?:START OF (?:THE|THIS) PROJECT GUTENBERG|END\W*THE SMALL PRINT).*$", re.MULTILINE | re.IGNORECASE
)
LICENCE_END = re.compile(
    r"^[^\w\n]*END OF (?:THE |THIS )?PROJECT GUTENBERG.*", re.MULTILINE | re.IGNORECASE | re.DOTALL
)
EMPHASIS = re.compile(r"(?<![\w_])_(?=\S)([^_]{1,300}?)(?<=\S)_(?![\w_])")

NOTE = re.compile(r"[ \t]?\[(?:(?:illustration|footnote|endnote)\b[^\]]{0,2000}|\d{1,3})\]", re.IGNORECASE)


def clean_book(text: str) -> list[Chapter]:
    """The chapters of a book; licence, front matter, contents and headings are left out."""
    chapters = find_chapters(read_layout(drop_markup(text)))
    return [chapter for chapter in chapters if chapter.words]


def clean_passage(text: str) -> str:
    """A curated passage, whole: lines unwrapped, white space and scene breaks tidied."""
    layout = read_layout(drop_markup(text))
    kept = [block for block in layout.blocks if classify(block, layout, after_heading=False) is not Kind.NOTHING]
    return "\n\n".join(join_lines(block, layout) for block in kept)


def drop_markup(text: str) -> str:
    """The text between a licence's header and footer, without editors' notes and underscores for italics."""
    text = LICENCE_END.sub("", text)
    starts = list(LICENCE_START.finditer(text))
    return EMPHASIS.sub(r"\1", NOTE.sub("", text[starts[-1].end() :] if starts else text))
