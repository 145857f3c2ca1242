"""What the control words of rich text mean: destinations, signs, ends, and styles that are headings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.data.readers.encodings.rtf_charsets import WINDOWS

LEFT_OUT = {
    "pict": "images", "object": "images", "footnote": "footnotes", "annotation": "comments", "colortbl": "",
    "header": "", "headerl": "", "headerr": "", "headerf": "", "footer": "", "footerl": "", "footerr": "",
    "footerf": "", "fldinst": "", "nonshppict": "", "shprslt": "", "sp": "", "xe": "", "tc": "", "rxe": "", "upr": "",
    "ftnsep": "", "ftnsepc": "", "ftncn": "", "aftnsep": "", "aftnsepc": "", "aftncn": "", "atrfstart": "",
    "atrfend": "", "mmathPict": "", "private": "", "filetbl": "", "revtbl": "",
}  # fmt: skip  # destinations
READ_DESTINATIONS = ("fonttbl", "stylesheet", "info", "listtext", "pntext")
OPTIONAL_PROSE = ("shpinst", "moMath", "shppict")  # destinations that old readers are told to ignore, but have text
SIGNS = {"tab": " ", "line": "\n", "softline": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "lquote": "‘",
         "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•", "emspace": " ", "enspace": " ",
         "qmspace": " "}  # fmt: skip
SYMBOLS = {"~": "\xa0", "_": "-", "{": "{", "}": "}", "\\": "\\"}
PARAGRAPH_ENDS = ("par", "cell", "nestcell")
ROW_ENDS = ("row", "nestrow")
PAGE_ENDS = ("page", "sect", "column")
STYLE_HEADING = re.compile(r"^heading ?([1-9])$", re.IGNORECASE)
STYLE_TITLES = {"title": 1, "subtitle": 10}
STYLE_LEFT_OUT = re.compile(r"^(?:toc(?: heading|\s*\d)|index(?: heading| \d)|caption)$", re.IGNORECASE)
LEFT_OUT_LEVEL = -1
DASHES = "-–—"


@dataclass
class Group:
    """What holds within a pair of braces; `destination` is where its text goes, "" for the story."""

    destination: str = ""
    skipping: bool = False
    codec: str = WINDOWS
    fallbacks: int = 1  # characters after one in Unicode, for readers who do not know it
    hidden: bool = False
    deleted: bool = False
    style: int = 0
    level: int | None = None  # of the paragraph in the outline
    in_table: bool = False

    def find_heading(self, levels: Mapping[int, int]) -> int:
        """Return the level of the paragraph as a heading, given those of styles; 0 is ordinary text."""
        of_style = levels.get(self.style, 0)
        return of_style if self.level is None or of_style == LEFT_OUT_LEVEL else find_level("", self.level)


def find_level(name: str, outline: int | None) -> int:
    """Return the level of headings in a style; 0 is ordinary text."""
    if STYLE_LEFT_OUT.match(name):
        return LEFT_OUT_LEVEL
    if heading := STYLE_HEADING.match(name):
        return int(heading[1]) + 1
    if name.lower() in STYLE_TITLES:
        return STYLE_TITLES[name.lower()]
    return outline + 2 if outline is not None and 0 <= outline < 9 else 0
