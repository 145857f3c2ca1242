"""Text that is around a story and not in it: licences, imprints, websites, page furniture, notes to oneself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote

PHRASES = (
    "project gutenberg",
    "gutenberg.org",
    "this ebook",
    "this etext",
    "this e-text",
    "this e-book",
    "all rights reserved",
    "copyright ©",
    "copyright (c)",
    "©",
    "no part of this publication",
    "no part of this book",
    "creative commons",
    "terms of this licen",
    "terms of the licen",
    "permission of the publisher",
    "isbn",
    "first published in",
    "transcriber's note",
    "transcriber’s note",
    "transcribed from",
    "internet archive",
    "chapter list",
    "table of contents",
    "previous chapter",
    "back to top",
    "click here",
    "subscribe to",
    "cookie policy",
    "privacy policy",
    "share on facebook",
    "add to cart",
    "work of fiction. names",
    "any resemblance to actual",
    "also by the author",
    "if you enjoyed this",
)
MIN_FAINT_PHRASES = 2
FAINT_PHRASES = (  # stories have them, too; they count only together
    "proofread",
    "produced by",
    "public domain",
    "html version",
    "this file was",
    "first edition",
    "terms of use",
    "follow us",
    "log in",
    "load more",
    "read more",
    "sign up",
    "leave a comment",
    "about the author",
    "transcribed by",
    "scanned by",
    "next chapter",
    "newsletter",
    "other books by",
    "library of congress",
    "printed in great britain",
    "printed in the u",
)
PHRASE_PATTERN = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}" for phrase in (*PHRASES, *FAINT_PHRASES)))

DIGIT = re.compile(r"\d")
MAX_FURNITURE_LENGTH = 90  # characters
FURNITURE = re.compile(
    r"^\W*(?:page|pg\.?|p\.) ?\d{1,4}(?: ?(?:of|/) ?\d{1,4})?\W*$"  # Page 12 of 300
    r"|^\W*[^\W\d_]{1,10}\.? ?\d{1,4} ?(?:[^\W\d_]{1,4}|/) ?\d{1,4}\W*$"  # the same in any language
    r"|^[^\w\"'“‘]*\d{1,4}[^\w\"'”’]*$"  # - 12 -
    r"|^\d{1,4} +[|•·] +\S.*$|^.*\S +[|•·] +\d{1,4}$"  # 12 | THE RIVER
    r"|(?:\. ?){5,}\s*\d{1,4}\s*$",  # The River ..... 12
    re.IGNORECASE,
)
PAGE_MARK = re.compile(r"[\[{(](?:pg?\.?|page) ?\d{1,4}(?: (?:of|/) \d{1,4})?[\]})]", re.IGNORECASE)  # [Pg 12]
ADDRESS = re.compile(
    r"https?://\S+|\bwww\.\w+|(?<![\w@.-])[\w-]{2,60}\.(?:com|org|net|edu|gov|co\.uk|io|info)\b(?!\w)", re.IGNORECASE
)
ADDRESS_SIGNS = ("://", "www.", ".com", ".org", ".net", ".edu", ".gov", ".co.uk", ".io", ".info")
DRAFT = re.compile(
    r"\b(?:TODO|FIXME|TBD|TKTK|XXXX?)\b|\[(?:insert|add|todo|tk|name|check|note|sic|rewrite|missing|ed\.?|author)\b[^\]\n]{0,80}\]"
    r"|\blorem ipsum\b|<<[^<>\n]{1,80}>>|\{\{[^{}\n]{0,80}\}\}",
    re.IGNORECASE,
)
DRAFT_SIGNS = ("[", "todo", "fixme", "tbd", "tktk", "xxx", "lorem ipsum", "<<", "{{")


def find_boilerplate(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about phrases, page furniture, web addresses and notes to oneself."""
    text, lower = passage.text, passage.lower
    if phrases := find_phrases(lower):
        yield passage.make_finding("boilerplate", f"{phrases[0]!r} in {quote(text, lower.index(phrases[0]) - 20)}")
    pages = [line for line in passage.lines if is_furniture(line)]
    pages += [match.group() for match in PAGE_MARK.finditer(text)]
    if pages:
        yield passage.make_finding("page_furniture", f"{len(pages)} time(s), first {quote(pages[0])}")
    if any(sign in lower for sign in ADDRESS_SIGNS) and (links := ADDRESS.findall(text)):
        yield passage.make_finding("link", f"{len(links)} address(es), first {quote(links[0])}")
    if any(sign in lower for sign in DRAFT_SIGNS) and (marks := find_draft_marks(passage)):
        yield passage.make_finding("draft_mark", f"{len(marks)} time(s), first {quote(marks[0])}")


def find_draft_marks(passage: TokenizedPassage) -> list[str]:
    """Find notes to oneself; a common word of the book's language is one only in capitals, before a colon or alone."""
    marks = [match.group() for match in DRAFT.finditer(passage.text)]
    lookalikes = passage.language.draft_lookalikes
    if not lookalikes:
        return marks
    words = "|".join(sorted(lookalikes)).upper()
    alone = re.compile(rf"^\W*(?:{words})\W*$|\b(?:{words})(?= ?:)", re.MULTILINE)
    clear = [match.group() for match in alone.finditer(passage.text)]
    return [mark for mark in marks if mark.lower() not in lookalikes] + clear


def is_furniture(line: str) -> bool:
    """Return whether a line is a page number, a running head or a line of a contents list."""
    return len(line) <= MAX_FURNITURE_LENGTH and bool(DIGIT.search(line)) and bool(FURNITURE.search(line))


def find_phrases(lower: str) -> list[str]:
    """Find the phrases in a lower-case text, whole words only; faint ones count if there are two."""
    if (
        not any(phrase in lower for phrase in PHRASES)
        and sum(phrase in lower for phrase in FAINT_PHRASES) < MIN_FAINT_PHRASES
    ):
        return []
    phrases = list(dict.fromkeys(match.group() for match in PHRASE_PATTERN.finditer(lower)))
    return phrases if len(phrases) >= MIN_FAINT_PHRASES or any(phrase in PHRASES for phrase in phrases) else []
