"""What Obsidian adds to Markdown: links between notes, comments, marks of blocks and highlighted words."""

from __future__ import annotations

import re

OBSIDIAN_PIECES = {
    "comments": re.compile(r"%%.*?%%", re.DOTALL),
    "images": re.compile(r"!\[\[[^\[\]\n]{1,300}\]\]"),  # or another note, shown here
    "marks of blocks": re.compile(r"(?<=[ \t\n])\^[A-Za-z0-9-]{1,40}[ \t]*$", re.MULTILINE),
}
LINK = re.compile(r"\[\[(?:[^\[\]|\n]{1,300}\|)?([^\[\]|\n]{1,300})\]\]")
HIGHLIGHT = re.compile(r"==(?=\S)([^=\n]+?)(?<=\S)==")


def strip_links(text: str) -> str:
    """Return a text with the words of its links, and without the signs around highlighted words."""
    return HIGHLIGHT.sub(r"\1", LINK.sub(r"\1", text))
