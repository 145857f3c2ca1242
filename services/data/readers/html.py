"""HTML, and the XHTML of an EPUB: headings, paragraphs and line breaks; everything that is no prose is counted.

The parser (libxml2's, through lxml) mends what is malformed, knows no entities but HTML's own, fetches nothing, and
hands over one tag after another, so there is no tree to fill the memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.decode import decode
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import SCENE_BREAK, Structure

LEFT_OUT = {
    "script": "scripts", "style": "styles", "noscript": "scripts", "template": "scripts", "nav": "navigations",
    "svg": "images", "img": "images", "image": "images", "picture": "images", "figure": "images",
    "video": "images", "audio": "images", "canvas": "images", "iframe": "images", "object": "images",
    "embed": "images", "map": "images", "math": "formulas", "form": "forms", "button": "forms", "select": "forms",
    "textarea": "forms", "input": "forms", "title": "", "head": "", "rt": "", "rp": "", "footer": "page footers",
}  # fmt: skip
KINDS = {
    "toc": "contents", "landmarks": "contents", "page-list": "contents", "loi": "contents", "lot": "contents",
    "pagebreak": "page numbers", "pagenum": "page numbers", "pageno": "page numbers", "page-number": "page numbers",
    "noteref": "footnote marks", "fnanchor": "footnote marks", "footnote-ref": "footnote marks",
    "footnote": "footnotes", "footnotes": "footnotes", "endnote": "footnotes", "endnotes": "footnotes",
    "rearnote": "footnotes", "rearnotes": "footnotes", "cover": "covers",
}  # fmt: skip  # by epub:type, role ("doc-...") or class
VOID = frozenset(["area", "base", "br", "col", "embed", "hr", "image", "img", "input", "link", "meta", "param",
                  "source", "track", "wbr"])  # fmt: skip  # they have no content
BLOCKS = frozenset(["address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt",
                    "fieldset", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "legend",
                    "li", "main", "ol", "p", "pre", "section", "summary", "table", "td", "th",
                    "tr", "ul"])  # fmt: skip
PROSE = 40  # words of a table's longest paragraph that make it the layout of a page, and no table
HEADING = re.compile(r"h([1-6])$")
EMPTY = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
SPACE = re.compile(r"[ \t\r\n\f]+")
GAP = re.compile(r"\n\s*\n")
UNSHOWN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
NEW_PAGE = re.compile(r"(?:page-)?break-before\s*:\s*(?:always|page|left|right)", re.IGNORECASE)
MARK = re.compile(r"\s*[\[(]?(?:\d{1,3}|[*†‡§]+)[\])]?\s*$")  # of a footnote, when it is raised
DECLARED = re.compile(rb"""<(?:\?xml[^>]*?encoding|meta[^>]*?charset)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
HEAD = 2048  # bytes in which an encoding is declared
FEED = 1 << 16


@dataclass(frozen=True)
class Frame:
    """An open tag: how much text and how many pieces there were before it, and whether it is left out."""

    tag: str
    characters: int
    pieces: int
    left_out: bool = False


def read_html(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    text, seen = decode_html(entry.read(), entry.name)
    structure = Structure(entry.name)
    feed_html(text, structure)
    findings += [*seen, *structure.findings()]
    yield structure.part()


def decode_html(raw: bytes, place: str) -> tuple[str, list[Finding]]:
    """The text of a file in UTF-8, else in the encoding that it declares; raises Unreadable."""
    declared = DECLARED.search(raw[:HEAD])
    return decode(raw, place, declared[1].decode("ascii") if declared else None)


def feed_html(text: str, structure: Structure) -> None:
    """Add what a text in HTML or XHTML holds to a structure."""
    parser = etree.HTMLParser(target=Target(structure), encoding="utf-8", huge_tree=True, no_network=True)
    whole = EMPTY.sub(open_and_close, text)
    for start in range(0, len(whole), FEED):
        parser.feed(whole[start : start + FEED].encode("utf-8", "replace"))
    parser.close()


def open_and_close(match: re.Match[str]) -> str:
    """`<a/>` in the form that HTML understands, too."""
    return match.group() if match[1].lower() in VOID else f"<{match[1]}{match[2]}></{match[1]}>"


class Target:
    """What the parser tells of each tag and text; lxml gives the methods their names."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.stack: list[Frame] = []
        self.open: Counter[str] = Counter()
        self.text: list[str] = []
        self.level = 0

    @property
    def skipping(self) -> bool:
        """Whether all that comes is left out."""
        return bool(self.stack) and self.stack[-1].left_out

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A tag opens."""
        tag = tag.lower()
        if self.skipping:
            if tag not in VOID:
                self.push(tag, left_out=True)
            return
        reason = why_left_out(tag, attributes)
        if tag in BLOCKS:
            self.flush()
        if reason is None:
            self.begin(tag, attributes)
        elif len(attributes.get("alt", "")) == 1:
            self.text.append(attributes["alt"])  # an initial, drawn
        elif reason:
            self.structure.left_out[reason] += 1
        if tag not in VOID:
            self.push(tag, left_out=reason is not None)

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """What a tag that is not left out does."""
        if NEW_PAGE.search(attributes.get("style", "")):
            self.structure.page()
        if tag == "br":
            self.text.append("\n")
        elif tag == "hr":
            self.structure.paragraph(SCENE_BREAK)
        elif heading := HEADING.match(tag):
            self.level = int(heading[1])

    def data(self, text: str) -> None:
        """Text comes, perhaps in the middle of a word."""
        if not self.skipping:
            self.text.append(text if self.open["pre"] else SPACE.sub(" ", text))

    def end(self, tag: str) -> None:
        """A tag closes, and with it what was left open inside."""
        tag = tag.lower()
        if self.open[tag]:
            while self.pop() != tag:
                pass

    def close(self) -> None:
        """The file ends."""
        while self.stack:
            self.pop()
        self.flush()

    def push(self, tag: str, *, left_out: bool) -> None:
        """Remember an open tag."""
        self.open[tag] += 1
        self.stack.append(Frame(tag, len(self.text), len(self.structure.pieces), left_out))

    def pop(self) -> str:
        """Close the last open tag."""
        frame = self.stack.pop()
        self.open[frame.tag] -= 1
        if frame.left_out:
            return frame.tag
        if frame.tag == "sup":
            self.drop_mark(frame.characters)
        if frame.tag in BLOCKS:
            self.flush()
        if HEADING.match(frame.tag):
            self.level = 0
        elif frame.tag == "table":
            self.drop_table(frame.pieces)
        elif frame.tag == "p" and len(self.structure.pieces) == frame.pieces:
            self.structure.paragraph("")
        return frame.tag

    def drop_mark(self, start: int) -> None:
        """Leave out what was raised if it is a footnote's mark, and no power of a number."""
        before = "".join(self.text[:start])[-1:]
        if MARK.match("".join(self.text[start:])) and not before.isdecimal():
            del self.text[start:]
            self.structure.left_out["footnote marks"] += 1

    def drop_table(self, start: int) -> None:
        """Leave out what has been read since a table began, unless it tells something."""
        held = self.structure.pieces[start:]
        if all(text.count(" ") < PROSE for _, text in held):
            del self.structure.pieces[start:]
            self.structure.left_out["tables"] += 1

    def flush(self) -> None:
        """End a paragraph or a heading."""
        text = "".join(self.text)
        self.text.clear()
        if self.level:
            self.structure.heading(self.level, text)
            return
        for paragraph in GAP.split(text):
            if paragraph.strip():
                self.structure.paragraph(paragraph)


def why_left_out(tag: str, attributes: Mapping[str, str]) -> str | None:
    """What a tag is if it is no prose, "" where nobody needs to know; else None."""
    if tag in LEFT_OUT:
        return LEFT_OUT[tag]
    if not attributes:
        return None
    told = f"{attributes.get('epub:type', '')} {attributes.get('role', '')} {attributes.get('class', '')}".lower()
    for name in told.split():
        if kind := KINDS.get(name.removeprefix("doc-")):
            return kind
    return "hidden pieces" if "hidden" in attributes or UNSHOWN.search(attributes.get("style", "")) else None
