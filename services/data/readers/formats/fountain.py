"""Fountain (.fountain): screenplays and plays as plain text, according to fountain.io.

Scene headings, names of speakers and stage directions are the work, and keep their lines; "#" marks a heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.readers.decode import decode
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure

TITLE_PAGE = re.compile(
    r"\A\s*+(?:[A-Za-z][A-Za-z ]{0,30}:[^\n]*\n(?:(?=[ \t]{3}|\t)[ \t]*+\S[^\n]*\n)*+)++(?:\s*\n|\Z)"
)
TITLE_KEY = re.compile(r"^(?:title|author|authors|credit|source|draft date|contact|copyright)\s*:", re.I | re.M)
TITLE = re.compile(r"^title:[ \t]*(?:\n[ \t]+)?([^\n]+)", re.IGNORECASE | re.MULTILINE)
PIECES_LEFT_OUT = (
    ("deleted pieces", re.compile(r"/\*(?:(?!/\*).)*?\*/", re.DOTALL)),
    ("comments", re.compile(r"\[\[(?:(?!\[\[|\n\n)[\s\S])*?\]\]")),
    ("synopses", re.compile(r"^=(?!=)[^\n]*$", re.MULTILINE)),
)
BLANK_LINES = re.compile(r"\n[ \t]*\n")
SECTION = re.compile(r"^(#{1,6})[ \t]*+([^\n#]*)$")
PAGE_BREAK = re.compile(r"^={3,}[ \t]*$")
FORCED_SIGN = re.compile(r"^[ \t]*(?:[!@~>]|\.(?!\.))[ \t]*")  # that says what a line is, and is not its text
SCENE_NUMBER = re.compile(r"(?<![ \t])[ \t]*+#[\w.-]{1,10}#[ \t]*$")
DUAL_SIGN = re.compile(r"(?<![ \t])[ \t]*+\^[ \t]*$")  # of a speaker who speaks at the same time
EMPHASIS = re.compile(r"(?<!\\)(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1")
UNDERLINE = re.compile(r"(?<![\w\\])_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)")
ESCAPED = re.compile(r"\\([*_])")


def read_fountain(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    text, encoding_findings = decode(entry.read(), entry.name)
    structure = Structure(entry.name)
    page = TITLE_PAGE.match(text)
    if page and TITLE_KEY.search(page.group()):
        text = text[page.end() :]
        title = TITLE.search(page.group())
        structure.title = strip_emphasis(title[1].strip()) if title else ""
        structure.left_out["title pages"] += 1
    for name, pattern in PIECES_LEFT_OUT:
        text, count = pattern.subn("", text)
        structure.left_out.update({name: count} if count else {})
    for block in BLANK_LINES.split(text):
        add_block(block, structure)
    findings += [*encoding_findings, *structure.findings()]
    yield structure.make_part()


def add_block(block: str, structure: Structure) -> None:
    """Add what stands between two blank lines: a speech with its speaker, a direction, headings."""
    lines: list[str] = []
    for line in block.split("\n"):
        if section := SECTION.match(line):
            structure.add_heading(len(section[1]) + 1, strip_emphasis(section[2]))
        elif PAGE_BREAK.match(line):
            structure.add_page_break()
        else:
            lines.append(read_line(line))
    if "".join(lines).strip():
        structure.add_paragraph("\n".join(lines))


def read_line(line: str) -> str:
    """Return a line without the signs that say what it is."""
    stripped = line.strip(" \t")
    centred = len(stripped) > 1 and stripped.startswith(">") and stripped.endswith("<")
    text = stripped[1:-1].strip(" \t") if centred else FORCED_SIGN.sub("", line, count=1)
    return strip_emphasis(DUAL_SIGN.sub("", SCENE_NUMBER.sub("", text)))


def strip_emphasis(text: str) -> str:
    """Return a text without the signs of bold, italic and underlined words."""
    return ESCAPED.sub(r"\1", UNDERLINE.sub(r"\1", EMPHASIS.sub(r"\2", text)))
