"""A book's title: the one that its file states, or else the file's name made readable."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

MAX_TITLE_LENGTH = 200
NO_TITLE = re.compile(
    r"microsoft word\s*-.*|(?:untitled|unknown|document|dokument|title|book|content|manuscript)[\s\d.]*|.*\.\w{2,4}",
    re.IGNORECASE,
)  # what programs write where an author writes nothing
SEPARATORS = re.compile(r"_|\+|%20")
SEVERAL_HYPHENS = 2  # one may belong to a word


def choose_title(stated: str, filename: str) -> str:
    """Return the title that a file states, unless a program wrote it, or else its name made readable."""
    title = tidy(stated)
    return title if title and not NO_TITLE.fullmatch(title) else read_name(filename)


def read_name(filename: str) -> str:
    """Make a file's name readable: "a_princess_of_mars.txt" is "A princess of mars"."""
    stem = PurePosixPath(filename).stem
    name = SEPARATORS.sub(" ", stem)
    if " " not in name and stem.count("-") >= SEVERAL_HYPHENS:
        name = stem.replace("-", " ")
    name = tidy(name) or stem
    return name[:1].upper() + name[1:] if name.islower() else name


def tidy(text: str) -> str:
    """Return a text on one line, without control characters, cut to a title's length."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())[:MAX_TITLE_LENGTH]
