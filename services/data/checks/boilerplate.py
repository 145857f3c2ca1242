"""What stands around a text and not in it: licences, imprints, websites, pages, notes to oneself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import Reading, quote

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
FEW = 2
FAINT = (  # stories know them, too: two of them count
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
WHOLE = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}" for phrase in (*PHRASES, *FAINT)))

DIGIT = re.compile(r"\d")
LONGEST_FURNITURE = 90  # characters
FURNITURE = re.compile(
    r"^\W*(?:page|pg\.?|p\.) ?\d{1,4}(?: ?(?:of|/) ?\d{1,4})?\W*$"  # Page 12 of 300
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


def find_boilerplate(reading: Reading) -> Iterator[Finding]:
    """Findings about phrases, pages, addresses and notes."""
    text, lower = reading.text, reading.lower
    if phrases := find_phrases(lower):
        yield reading.finding("boilerplate", f"{phrases[0]!r} in {quote(text, lower.index(phrases[0]) - 20)}")
    pages = [line for line in reading.lines if is_furniture(line)]
    pages += [match.group() for match in PAGE_MARK.finditer(text)]
    if pages:
        yield reading.finding("page_furniture", f"{len(pages)} time(s), first {quote(pages[0])}")
    if any(sign in lower for sign in ADDRESS_SIGNS) and (links := ADDRESS.findall(text)):
        yield reading.finding("link", f"{len(links)} address(es), first {quote(links[0])}")
    if any(sign in lower for sign in DRAFT_SIGNS) and (marks := [match.group() for match in DRAFT.finditer(text)]):
        yield reading.finding("draft_mark", f"{len(marks)} time(s), first {quote(marks[0])}")


def is_furniture(line: str) -> bool:
    """Whether a line is a page's number, running head or line of a contents list."""
    return len(line) <= LONGEST_FURNITURE and bool(DIGIT.search(line)) and bool(FURNITURE.search(line))


def find_phrases(lower: str) -> list[str]:
    """The phrases that are in a text in small letters, whole words only; faint ones where there are two."""
    if not any(phrase in lower for phrase in PHRASES) and sum(phrase in lower for phrase in FAINT) < FEW:
        return []
    found = list(dict.fromkeys(match.group() for match in WHOLE.finditer(lower)))
    return found if len(found) >= FEW or any(phrase in PHRASES for phrase in found) else []
