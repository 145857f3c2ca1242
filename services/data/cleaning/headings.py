"""Which blocks are headings, contents or scene breaks, judged by their words and the space around them."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum, auto

from services.data.cleaning.layout import ROOMY, Block, Layout

ROMAN = r"(?=[IVXLC])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
ORDINALS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
ORDINALS += " eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred first second third fourth"
ORDINALS += " fifth sixth seventh eighth ninth tenth eleventh twelfth last"
SPELLED = rf"(?:{'|'.join(ORDINALS.split())})(?:[- ](?:{'|'.join(ORDINALS.split())}))?"
NUMBER = rf"(?:{ROMAN}|\d{{1,3}}|{SPELLED})"
KEYWORD = r"(?:the\s+)?(?:chapter|part|book|section|volume|canto|act|letter|story)\s+(?:the\s+)?"
NAMED = r"(?:prologue|epilogue|preface|prelude|introduction|foreword|interlude|afterword|appendix|postscript|coda)"

LABELLED = re.compile(rf"^(?:{KEYWORD}{NUMBER}|{NAMED})\b\s*(?P<rest>.*)$", re.IGNORECASE)
TITLE_AFTER = re.compile(r"^(?:$|[.:—–(-]|[A-Z\"“'‘])")
MARKDOWN = re.compile(r"^#{1,6}\s+\S")
BARE = re.compile(rf"^[\s\[(_*–—-]*(?:{ROMAN}|\d{{1,3}})[\s\])_*–—.:-]*$")
BARE_SPELLED = re.compile(rf"^{SPELLED}$", re.IGNORECASE)
NUMBERED_TITLE = re.compile(rf"^(?:{ROMAN}|\d{{1,3}})(?:[.:)]\s+|\s+[-–—]+\s*|\s{{2,}})[A-Z\"“'‘].*[^.,;:]$")
CONTENTS = re.compile(
    r"^\W*(?:(?:table of )?contents|(?:list of )?(?:illustrations|maps|plates|figures))\W*$", re.IGNORECASE
)
AROUND = re.compile(  # headings of what is no story, before or after it
    r"^\W*(?:acknowledge?ments?|dedication|copyright|about (?:the author|this (?:book|edition))|a note on the text"
    r"|(?:also|(?:other )?(?:books|works|novels)|praise) (?:by|for)\b.*|by the same author|(?:general )?index|errata"
    r"|advertisements?|bibliography|colophon|footnotes|endnotes"
    r"|(?:editor|publisher|printer|translator|transcriber)[’']?s?[’']? notes?)\W*$",
    re.IGNORECASE,
)
END = re.compile(r"^\W*(?:the )?(?:end|finis|fin)\W*$", re.IGNORECASE)
SENTENCE_END = re.compile(r"[.!?…:;,—-][\"'”’)\]_*]*$")

QUOTES = "\"'“‘«"
LETTER = re.compile(r"[^\W_]")
LONGEST_TITLE = 80  # characters
LONGEST_HEADING = 2  # lines
WIDE_GAP = 2  # blank lines more than usual; where a conversion dropped the headings, this much is left of them


class Kind(Enum):
    """What a block is for."""

    TEXT = auto()
    HEADING = auto()
    SUBTITLE = auto()
    CONTENTS = auto()
    NOTHING = auto()


def split_heading(block: Block, layout: Layout) -> list[Block]:
    """A heading that sits on top of its chapter's first paragraph becomes a block of its own."""
    if len(block.lines) == 1:
        return [block]
    first, rest = block.lines[0].strip(), block.lines[1:]
    if len(first) < ROOMY * layout.width and (labelled(first) or BARE.match(first)) and first[-1:] not in ",;":
        return [replace(block, lines=(first,)), Block(rest, 0, line=block.line + 1)]
    return [block]


def classify(block: Block, layout: Layout, after_heading: bool) -> Kind:
    """What a block is for; `after_heading` says that nothing but headings came since the last text."""
    if len(block.lines) > LONGEST_HEADING and any(map(LETTER.search, block.lines)):
        return Kind.TEXT
    text = block.text
    if not LETTER.search(text) or END.match(text):
        return Kind.NOTHING
    if CONTENTS.match(text):
        return Kind.CONTENTS
    if layout.told:
        return (Kind.SUBTITLE if block.level > layout.chapter_level else Kind.HEADING) if block.level else Kind.TEXT
    return judge_short(block, text, layout, after_heading) if len(text) <= LONGEST_TITLE else Kind.TEXT


def judge_short(block: Block, text: str, layout: Layout, after_heading: bool) -> Kind:
    """Whether a block that is short enough is a heading or a title under one."""
    if headed(text, apart=block.page or block.gap > layout.gap):
        return Kind.HEADING
    if not (shouted(text) or titled(text)):
        return Kind.TEXT
    if after_heading:
        return Kind.SUBTITLE
    far_apart = block.page or block.gap >= layout.gap + WIDE_GAP
    return Kind.HEADING if far_apart and text[0] not in QUOTES else Kind.TEXT


def headed(text: str, apart: bool) -> bool:
    """Whether a text is a heading by its words, or by a number and the space before it."""
    if labelled(text) or BARE.match(text) or MARKDOWN.match(text):
        return True
    return apart and bool(NUMBERED_TITLE.match(text) or BARE_SPELLED.match(text))


def labelled(line: str) -> bool:
    """Whether a line says "Chapter 4", "PART ONE: The Sea" or "Prologue", and not "Part one of the plan was"."""
    match = LABELLED.match(line)
    return match is not None and len(line) <= LONGEST_TITLE and bool(TITLE_AFTER.match(match["rest"]))


def numbered(text: str) -> bool:
    """Whether a heading has a number or a name of its own, so that a title before it belongs to something larger."""
    return labelled(text) or bool(BARE.match(text) or NUMBERED_TITLE.match(text) or BARE_SPELLED.match(text))


def shouted(text: str) -> bool:
    """Whether a text is in capitals, as titles are."""
    return text.isupper() and sum(character.isalpha() for character in text) > 2 and not text.endswith((":", ",", ";"))


def titled(text: str) -> bool:
    """Whether a text could be a title: short, capitalised, no end of a sentence, no speech."""
    return len(text) <= 60 and text[0].isupper() and not SENTENCE_END.search(text) and len(text.split()) <= 10
