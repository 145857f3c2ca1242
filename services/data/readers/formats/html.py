"""HTML, and the XHTML of an EPUB: headings, paragraphs and line breaks; everything that is not prose is counted.

The parser (libxml2's, through lxml) repairs malformed markup, knows no entities but HTML's own, fetches nothing, and
passes on one tag after another, so that no tree fills the memory.
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
NON_PROSE_KINDS = {
    "toc": "contents", "landmarks": "contents", "page-list": "contents", "loi": "contents", "lot": "contents",
    "pagebreak": "page numbers", "pagenum": "page numbers", "pageno": "page numbers", "page-number": "page numbers",
    "noteref": "footnote marks", "fnanchor": "footnote marks", "footnote-ref": "footnote marks",
    "footnote": "footnotes", "footnotes": "footnotes", "endnote": "footnotes", "endnotes": "footnotes",
    "rearnote": "footnotes", "rearnotes": "footnotes", "cover": "covers",
}  # fmt: skip  # by epub:type, role ("doc-...") or class
VOID_TAGS = frozenset(["area", "base", "br", "col", "embed", "hr", "image", "img", "input", "link", "meta", "param",
                       "source", "track", "wbr"])  # fmt: skip  # elements without content
BLOCK_TAGS = frozenset(["address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl",
                        "dt", "fieldset", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html",
                        "legend", "li", "main", "ol", "p", "pre", "section", "summary", "table", "td", "th",
                        "tr", "ul"])  # fmt: skip
MIN_PROSE_WORDS = 40  # in a table's longest paragraph: then the table is the layout of a page
HEADING = re.compile(r"h([1-6])$")
SELF_CLOSING_TAG = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
SPACE = re.compile(r"[ \t\r\n\f]+")
GAP = re.compile(r"\n\s*\n")
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
NEW_PAGE = re.compile(r"(?:page-)?break-before\s*:\s*(?:always|page|left|right)", re.IGNORECASE)
FOOTNOTE_MARK = re.compile(r"\s*[\[(]?(?:\d{1,3}|[*†‡§]+)[\])]?\s*$")  # of a footnote, if it is superscript
DECLARED_ENCODING = re.compile(rb"""<(?:\?xml[^>]*?encoding|meta[^>]*?charset)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
DECLARATION_BYTES = 2048  # at the start, in which an encoding is declared
FEED_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class OpenTag:
    """An open tag, the number of texts and of pieces before it, and whether it is left out."""

    tag: str
    texts: int
    pieces: int
    left_out: bool = False


def read_html(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    text, encoding_findings = decode_html(entry.read(), entry.name)
    structure = Structure(entry.name)
    feed_html(text, structure)
    findings += [*encoding_findings, *structure.findings()]
    yield structure.make_part()


def decode_html(raw: bytes, place: str) -> tuple[str, list[Finding]]:
    """Return the text of a file in UTF-8, else in the encoding that it declares; raises Unreadable."""
    declared = DECLARED_ENCODING.search(raw[:DECLARATION_BYTES])
    return decode(raw, place, declared[1].decode("ascii") if declared else None)


def feed_html(text: str, structure: Structure) -> None:
    """Add the content of a text in HTML or XHTML to a structure."""
    parser = etree.HTMLParser(target=HtmlTarget(structure), encoding="utf-8", huge_tree=True, no_network=True)
    expanded = SELF_CLOSING_TAG.sub(expand_tag, text)
    for start in range(0, len(expanded), FEED_CHARACTERS):
        parser.feed(expanded[start : start + FEED_CHARACTERS].encode("utf-8", "replace"))
    parser.close()


def expand_tag(match: re.Match[str]) -> str:
    """Return `<a/>` as `<a></a>`, which HTML understands, too."""
    return match.group() if match[1].lower() in VOID_TAGS else f"<{match[1]}{match[2]}></{match[1]}>"


class HtmlTarget:
    """The parser's target: lxml calls it for each tag and text, and determines the names of the methods."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.stack: list[OpenTag] = []
        self.open: Counter[str] = Counter()
        self.text: list[str] = []
        self.level = 0

    @property
    def skipping(self) -> bool:
        """True inside a tag that is left out."""
        return bool(self.stack) and self.stack[-1].left_out

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take an opening tag."""
        tag = tag.lower()
        if self.skipping:
            if tag not in VOID_TAGS:
                self.push(tag, left_out=True)
            return
        reason = classify_tag(tag, attributes)
        if tag in BLOCK_TAGS:
            self.flush()
        if reason is None:
            self.begin(tag, attributes)
        elif len(attributes.get("alt", "")) == 1:
            self.text.append(attributes["alt"])  # an initial, drawn
        elif reason:
            self.structure.left_out[reason] += 1
        if tag not in VOID_TAGS:
            self.push(tag, left_out=reason is not None)

    def begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Add what an opening tag that is not left out stands for."""
        if NEW_PAGE.search(attributes.get("style", "")):
            self.structure.add_page_break()
        if tag == "br":
            self.text.append("\n")
        elif tag == "hr":
            self.structure.add_paragraph(SCENE_BREAK)
        elif heading := HEADING.match(tag):
            self.level = int(heading[1])

    def data(self, text: str) -> None:
        """Take text, which may begin in the middle of a word."""
        if not self.skipping:
            self.text.append(text if self.open["pre"] else SPACE.sub(" ", text))

    def end(self, tag: str) -> None:
        """Take a closing tag, which also closes the tags left open inside."""
        tag = tag.lower()
        if self.open[tag]:
            while self.pop() != tag:
                pass

    def close(self) -> None:
        """Close what is open at the end of the file."""
        while self.stack:
            self.pop()
        self.flush()

    def push(self, tag: str, *, left_out: bool) -> None:
        """Remember an open tag."""
        self.open[tag] += 1
        self.stack.append(OpenTag(tag, len(self.text), len(self.structure.pieces), left_out))

    def pop(self) -> str:
        """Close the last open tag."""
        top = self.stack.pop()
        self.open[top.tag] -= 1
        if top.left_out:
            return top.tag
        if top.tag == "sup":
            self.drop_footnote_mark(top.texts)
        if top.tag in BLOCK_TAGS:
            self.flush()
        if HEADING.match(top.tag):
            self.level = 0
        elif top.tag == "table":
            self.drop_table(top.pieces)
        elif top.tag == "p" and len(self.structure.pieces) == top.pieces:
            self.structure.add_paragraph("")
        return top.tag

    def drop_footnote_mark(self, start: int) -> None:
        """Leave out a superscript if it is a footnote's mark, not a power of a number."""
        before = "".join(self.text[:start])[-1:]
        if FOOTNOTE_MARK.match("".join(self.text[start:])) and not before.isdecimal():
            del self.text[start:]
            self.structure.left_out["footnote marks"] += 1

    def drop_table(self, start: int) -> None:
        """Leave out the content of a table, unless it has prose."""
        pieces = self.structure.pieces[start:]
        if all(text.count(" ") < MIN_PROSE_WORDS for _, text in pieces):
            del self.structure.pieces[start:]
            self.structure.left_out["tables"] += 1

    def flush(self) -> None:
        """End a paragraph or a heading."""
        text = "".join(self.text)
        self.text.clear()
        if self.level:
            self.structure.add_heading(self.level, text)
            return
        for paragraph in GAP.split(text):
            if paragraph.strip():
                self.structure.add_paragraph(paragraph)


def classify_tag(tag: str, attributes: Mapping[str, str]) -> str | None:
    """Return what a tag is if it is not prose, "" if it is not worth reporting; None if it is prose."""
    if tag in LEFT_OUT:
        return LEFT_OUT[tag]
    if not attributes:
        return None
    labels = f"{attributes.get('epub:type', '')} {attributes.get('role', '')} {attributes.get('class', '')}".lower()
    for name in labels.split():
        if kind := NON_PROSE_KINDS.get(name.removeprefix("doc-")):
            return kind
    return "hidden pieces" if "hidden" in attributes or HIDDEN_STYLE.search(attributes.get("style", "")) else None
