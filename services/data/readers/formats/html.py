"""HTML, and the XHTML of an EPUB: headings, paragraphs and line breaks; everything that is not prose is counted.

The parser (libxml2's, through lxml) repairs malformed markup, knows no entities but HTML's own, fetches nothing, and
passes on one tag after another, so that no tree fills the memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.decode import Unreadable, decode
from services.data.readers.formats.html_kinds import (
    BLOCK_TAGS,
    SELF_CLOSING_TAG,
    UNCOUNTED_TAGS,
    VOID_TAGS,
    classify_tag,
    expand_tag,
    find_front_matter,
    find_note,
    is_short,
    is_title,
    read_id,
)
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import FORM_FEED, SCENE_BREAK, Structure

MAX_TITLE_CHARACTERS = 200  # of a paragraph that says it is a title
HEADING = re.compile(r"h([1-6])$")
SPACE = re.compile(r"[ \t\r\n\f]+")
GAP = re.compile(r"\n\s*\n")
NEW_PAGE = re.compile(r"(?:page-)?break-before\s*:\s*(?:always|page|left|right)", re.IGNORECASE)
FOOTNOTE_MARK = re.compile(r"\s*[\[(]?(?:\d{1,3}|[*†‡§]+)[\])]?\s*$")  # of a footnote, if it is superscript
DECLARED_ENCODING = re.compile(rb"""<(?:\?xml[^>]*?encoding|meta[^>]*?charset)\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)
DECLARATION_BYTES = 2048  # at the start, in which an encoding is declared
FEED_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class OpenTag:
    """An open tag, the number of texts and of pieces before it.

    `left_out` is the kind of an element that is passed over, `dropped` of one that is left out once it was read.
    """

    tag: str
    texts: int
    pieces: int
    left_out: str | None = None
    dropped: str = ""


MAX_OPEN_TAGS = 10_000  # a page that closes no tag has thousands
Anchors = Mapping[str, str]  # names in a document that the book's contents link to, with their titles
Marks = list[tuple[int, str]]  # the number of pieces before each, and its title


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


def feed_html(text: str, structure: Structure, anchors: Anchors | None = None) -> Marks:
    """Add the content of a text in HTML or XHTML to a structure, and return where the anchors are."""
    target = HtmlTarget(structure, anchors or {})
    parser = etree.HTMLParser(target=target, encoding="utf-8", huge_tree=True, no_network=True)
    expanded = SELF_CLOSING_TAG.sub(expand_tag, text)
    for start in range(0, len(expanded), FEED_CHARACTERS):
        parser.feed(expanded[start : start + FEED_CHARACTERS].encode("utf-8", "replace"))
    parser.close()
    return target.marks


class HtmlTarget:
    """The parser's target: lxml calls it for each tag and text, and determines the names of the methods."""

    def __init__(self, structure: Structure, anchors: Anchors) -> None:
        self.structure = structure
        self.anchors = anchors
        self.marks: Marks = []
        self.stack: list[OpenTag] = []
        self.open: Counter[str] = Counter()
        self.text: list[str] = []
        self.passed_over: list[str] = []
        self.level = 0
        self.in_title = False
        self.has_headings = False

    @property
    def skipping(self) -> bool:
        """True inside a tag that is left out."""
        return bool(self.stack) and self.stack[-1].left_out is not None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take an opening tag."""
        tag = tag.lower()
        if len(self.stack) >= MAX_OPEN_TAGS:
            raise Unreadable(f"has more than {MAX_OPEN_TAGS:,} tags open at once")
        if self.skipping:
            if tag not in VOID_TAGS:
                self.push(tag, left_out="")
            return
        reason = classify_tag(tag, attributes)
        if tag in BLOCK_TAGS:
            self.flush()
        if (title := self.anchors.get(read_id(attributes))) is not None:
            self.marks.append((len(self.structure.pieces), title))
        if reason is None:
            self.begin(tag, attributes)
        elif len(attributes.get("alt", "")) == 1:
            self.text.append(attributes["alt"])  # an initial, drawn
        elif reason and tag in VOID_TAGS:
            self.structure.leave_out(reason)
        if tag not in VOID_TAGS:
            self.push(tag, left_out=reason, dropped=find_front_matter(attributes) if tag in BLOCK_TAGS else "")

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
            self.has_headings = True
        elif tag == "p":
            self.in_title = bool(self.open["hgroup"]) or is_title(attributes)
        elif note := find_note(tag, attributes):
            self.drop_note(note)

    def data(self, text: str) -> None:
        """Take text, which may begin in the middle of a word."""
        if self.skipping:
            self.passed_over.append(text)
        else:
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

    def push(self, tag: str, *, left_out: str | None, dropped: str = "") -> None:
        """Remember an open tag."""
        self.open[tag] += 1
        self.stack.append(OpenTag(tag, len(self.text), len(self.structure.pieces), left_out, dropped))

    def pop(self) -> str:
        """Close the last open tag."""
        top = self.stack.pop()
        self.open[top.tag] -= 1
        if top.left_out is not None:
            if not self.skipping:
                self.count_passed_over(top)
            return top.tag
        if top.tag == "sup":
            self.drop_footnote_mark(top.texts)
        if top.tag in BLOCK_TAGS:
            self.flush()
        if HEADING.match(top.tag):
            self.level = 0
        elif top.tag == "table":
            self.structure.drop_table(top.pieces)
        elif top.tag == "p":
            self.in_title = False
            if len(self.structure.pieces) == top.pieces:
                self.structure.add_paragraph("")
        if top.dropped:
            self.drop_element(top)
        return top.tag

    def count_passed_over(self, element: OpenTag) -> None:
        """Count an element that was passed over, and its words."""
        text = "" if element.tag in UNCOUNTED_TAGS else " ".join(self.passed_over)
        self.passed_over.clear()
        if element.left_out:
            self.structure.leave_out(element.left_out, text)

    def drop_note(self, kind: str) -> None:
        """Let the element that a note's link begins be left out: its `div` if nothing comes before the link there."""
        chosen = -1
        for index in range(len(self.stack) - 1, -1, -1):
            element = self.stack[index]
            if element.pieces < len(self.structure.pieces) or "".join(self.text[element.texts :]).strip():
                break
            if element.tag in ("p", "li", "div"):
                chosen = index
            if element.tag == "div":
                break
        if chosen >= 0:
            self.stack[chosen] = replace(self.stack[chosen], dropped=kind)

    def drop_element(self, element: OpenTag) -> None:
        """Leave out an element that was read, unless it says that it is front matter and has a chapter's text."""
        is_note = element.dropped in ("comments", "footnotes")
        if is_note or is_short(self.structure.text_since(element.pieces)):
            self.structure.drop_since(element.pieces, element.dropped)
            self.marks = [(min(position, element.pieces), title) for position, title in self.marks]

    def drop_footnote_mark(self, start: int) -> None:
        """Leave out a superscript if it is a footnote's mark, not a power of a number."""
        before = "".join(self.text[:start])[-1:]
        mark = "".join(self.text[start:])
        if FOOTNOTE_MARK.match(mark) and not before.isdecimal():
            del self.text[start:]
            self.structure.leave_out("footnote marks", mark)

    def flush(self) -> None:
        """End a paragraph or a heading."""
        text = "".join(self.text)
        self.text.clear()
        if level := self.level or self.measure_title(text):
            self.structure.add_heading(level, text)
            return
        for paragraph in GAP.split(text):
            if paragraph.strip():
                self.structure.add_paragraph(paragraph)

    def measure_title(self, text: str) -> int:
        """Return the level of a paragraph that says it is a title, if headings do not deny it; else 0."""
        if not self.in_title or len(text) > MAX_TITLE_CHARACTERS:
            return 0
        above = next((level for level, piece in reversed(self.structure.pieces) if piece not in ("", FORM_FEED)), 0)
        return above + 1 if above else int(bool(self.open["hgroup"]) or not self.has_headings)
