"""OpenDocument text (.odt, of LibreOffice): paragraphs with their styles, tracked changes accepted.

It is read with zipfile and lxml; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from scriptorium.contracts import Finding
from scriptorium.text.digits import read_digits
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml, read_title
from services.data.readers.xml_target import XmlTarget, feed_xml

CONTENT, STYLES, META, MANIFEST = "content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"
LEFT_OUT = {
    "note": "footnotes", "annotation": "comments", "annotation-end": "", "tracked-changes": "", "image": "images",
    "object": "images", "object-ole": "images", "math": "formulas", "ruby-text": "", "forms": "", "scripts": "",
    "font-face-decls": "", "automatic-styles": "", "table-of-content": "contents", "alphabetical-index": "contents",
    "illustration-index": "contents", "table-index": "contents", "object-index": "contents", "user-index": "contents",
    "bibliography": "contents", "desc": "", "page-number": "", "page-count": "", "sequence-decls": "",
    "variable-decls": "", "user-field-decls": "",
}  # fmt: skip  # "desc" describes a picture to those who cannot see it
STYLE_TITLES = {"title": 1, "subtitle": 10}
MAX_STYLE_CHAIN = 20  # styles, each based on the next
MAX_LEVEL = 9
MAX_SPACES = 10  # that one element may stand for; more are layout


@dataclass(frozen=True)
class OdtStyle:
    """A style: the one that it is based on, its outline level, whether it begins or ends a page or hides its text."""

    base: str = ""
    level: int = 0
    new_page: bool = False
    page_after: bool = False
    hidden: bool = False


def read_odt(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    structure = Structure(entry.name)
    with entry.unzip() as archive:
        check_password(archive)
        if CONTENT not in archive:
            raise Unreadable(f"lacks {CONTENT}, which every OpenDocument text has; save it again")
        if META in archive:
            with suppress(Unreadable):  # a book is readable without what is said about it
                structure.title = read_title(parse_xml(archive.read(META)))
        content = archive.read(CONTENT)
        styles = read_styles(archive.read(STYLES)) if STYLES in archive else {}
        styles |= read_styles(content)
        feed_xml(content, OdtTarget(structure, styles))
    findings += structure.findings()
    yield structure.make_part()


def check_password(archive: Archive) -> None:
    """Raise Unreadable if the document is encrypted."""
    if MANIFEST in archive and b"encryption-data" in archive.read(MANIFEST):
        raise Unreadable("has a password; save it without one")


def read_styles(raw: bytes) -> dict[str, OdtStyle]:
    """Return the styles of a file by their names, and keep no tree of its text. Raises Unreadable."""
    target = StyleTarget()
    feed_xml(raw, target)
    return target.styles


class StyleTarget(XmlTarget):
    """Collects the styles of a file."""

    def __init__(self) -> None:
        super().__init__(Structure(""))
        self.styles: dict[str, OdtStyle] = {}
        self.name = ""

    def classify(self, name: str, values: Mapping[str, str]) -> str | None:
        """Leave out the text, unreported: it is read afterwards."""
        return "" if name in ("body", "master-styles", "font-face-decls") else None

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Take a style, or its properties."""
        if name == "style":
            self.name = values.get("name", "")
            level = values.get("default-outline-level", "")
            title = STYLE_TITLES.get(self.name.lower(), 0)
            own_level = title or (
                read_digits(level) + 1 if level.isdecimal() and 0 < read_digits(level) <= MAX_LEVEL else 0
            )
            base, new_page = values.get("parent-style-name", ""), bool(values.get("master-page-name"))
            self.styles[self.name] = OdtStyle(base, own_level, new_page)
        elif name == "paragraph-properties" and self.name in self.styles:
            self.mend(new_page=values.get("break-before") == "page", page_after=values.get("break-after") == "page")
        elif name in ("text-properties", "section-properties") and self.name in self.styles:
            self.mend(hidden=values.get("display") == "none")

    def mend(self, *, new_page: bool = False, page_after: bool = False, hidden: bool = False) -> None:
        """Add to the style that is being read."""
        style = self.styles[self.name]
        self.styles[self.name] = OdtStyle(
            style.base, style.level, style.new_page or new_page, style.page_after or page_after, style.hidden or hidden
        )

    def add_text(self, text: str) -> None:
        """Ignore text."""

    def finish(self, name: str) -> None:
        """Ignore the end of an element."""


class OdtTarget(XmlTarget):
    """Collects the text; a paragraph in a frame is inside another one, and comes before it."""

    def __init__(self, structure: Structure, styles: Mapping[str, OdtStyle]) -> None:
        super().__init__(structure)
        self.styles = styles
        self.paragraphs: list[tuple[OdtStyle, int, list[str]]] = []  # open: style, level, text
        self.tables: list[int] = []  # the number of pieces where each open table began

    def classify(self, name: str, values: Mapping[str, str]) -> str | None:
        """Return what an element is if it is not prose, "" if it is not worth reporting; None if it is prose."""
        if name in LEFT_OUT:
            return LEFT_OUT[name]
        hidden = name in ("span", "p", "h") and self.find_style(values).hidden
        return "hidden pieces" if hidden or (name == "section" and values.get("display") == "none") else None

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Take the begin of a paragraph, or a sign in it."""
        if name in ("p", "h"):
            style = self.find_style(values)
            if style.new_page and not self.tables:
                self.structure.add_page_break()
            level = values.get("outline-level", "1") if name == "h" else ""
            own_level = min(read_digits(level), MAX_LEVEL) + 1 if level.isdecimal() else 0
            self.paragraphs.append((style, own_level or style.level, []))
        elif name == "table":
            self.tables.append(len(self.structure.pieces))
        elif name == "line-break":
            self.add_text("\n", sign=True)
        elif name in ("tab", "s"):
            count = values.get("c", "1")
            self.add_text(" " * (min(read_digits(count), MAX_SPACES) if count.isdecimal() else 1), sign=True)

    def add_text(self, text: str, *, sign: bool = False) -> None:
        """Take text in a paragraph; its own line breaks are the file's, not the writer's."""
        if self.paragraphs:
            self.paragraphs[-1][2].append(text if sign else " ".join(text.split("\n")))

    def finish(self, name: str) -> None:
        """Take the end of a paragraph or a table."""
        if name in ("p", "h") and self.paragraphs:
            style, level, pieces = self.paragraphs.pop()
            text = "".join(pieces)
            if level and text.strip():
                self.structure.add_heading(level, text)
            else:
                self.structure.add_paragraph(text)
            if style.page_after:
                self.structure.add_page_break()
        elif name == "table" and self.tables:
            self.structure.drop_table(self.tables.pop())

    def find_style(self, values: Mapping[str, str]) -> OdtStyle:
        """Return an element's style, with the heading's level of those that it is based on; a break is its own."""
        first = current = self.styles.get(values.get("style-name", ""), OdtStyle())
        for _ in range(MAX_STYLE_CHAIN):
            if current.level or not current.base:
                break
            current = self.styles.get(current.base, OdtStyle())
        return OdtStyle(first.base, current.level, first.new_page, first.page_after, first.hidden)
