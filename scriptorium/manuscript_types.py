"""The types of files that a manuscript may have: the one list that readers, commands, pages, plans and errors share.

It imports nothing of ours, so that everything may import it. A contract test compares the readers with it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Content(Enum):
    """What the bytes of a type are: how its words can be counted before anything is read."""

    TEXT = "text"
    MARKUP = "text between tags"
    PACKED_MARKUP = "a .zip of files with tags"
    RTF = "rich text"
    PDF = "pages"
    ROWS = "rows that are ready to train"
    PROJECT = "a folder with an index of its texts"


class ManuscriptType(NamedTuple):
    """A type by the extension that users are told, and the others that mean the same."""

    suffix: str
    content: Content
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The type as users know it: a project by its folder, not by the index inside."""
        return ".scriv" if self.content is Content.PROJECT else self.suffix


TYPES = (
    ManuscriptType(".txt", Content.TEXT, (".text",)),
    ManuscriptType(".md", Content.TEXT, (".markdown", ".mdown", ".mkd", ".mkdn", ".mdwn", ".mdtxt", ".mdtext")),
    ManuscriptType(".docx", Content.PACKED_MARKUP),
    ManuscriptType(".odt", Content.PACKED_MARKUP, (".ott",)),
    ManuscriptType(".rtf", Content.RTF),
    ManuscriptType(".epub", Content.PACKED_MARKUP),
    ManuscriptType(".fb2", Content.MARKUP),
    ManuscriptType(".fbz", Content.PACKED_MARKUP, (".fb2.zip",)),
    ManuscriptType(".pdf", Content.PDF),
    ManuscriptType(".html", Content.MARKUP, (".htm", ".xhtml")),
    ManuscriptType(".fountain", Content.TEXT, (".spmd",)),
    ManuscriptType(".scrivx", Content.PROJECT),
    ManuscriptType(".jsonl", Content.ROWS),
)
ROWS = ".jsonl"
CONTENTS = {suffix: kind.content for kind in TYPES for suffix in (kind.suffix, *kind.aliases)}
BOOK_NAMES = ", ".join(kind.label for kind in TYPES if kind.content is not Content.ROWS)
TYPE_NAMES = f"{BOOK_NAMES}, {ROWS}"
BOOK_HELP = f"A book ({BOOK_NAMES}), rows ({ROWS}), or a .zip or folder."
UPLOADED_SUFFIXES = (*(suffix for suffix in CONTENTS if suffix != ".scrivx"), ".zip")  # a browser sends no folder
COMPOUND_SUFFIXES = tuple(suffix for suffix in CONTENTS if suffix.count(".") > 1)


def find_suffix(name: str) -> str:
    """Return the extension of a name in lower case, both of its parts if they are one type together.

    >>> find_suffix("books/War.FB2.zip"), find_suffix("1. It rained.md"), find_suffix(".hidden")
    ('.fb2.zip', '.md', '')
    """
    base = name.rsplit("/", 1)[-1].lower()
    for suffix in COMPOUND_SUFFIXES:
        if base.endswith(suffix) and base != suffix:
            return suffix
    stem, dot, extension = base.rpartition(".")
    return dot + extension if stem.strip(".") and extension else ""
