"""Word's .docx: paragraphs with their styles, as they are once every tracked change is accepted.

The document is parsed tag by tag with lxml; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml, read_title

DOCUMENT = "word/document.xml"
PROPERTIES = "docProps/core.xml"
DOCUMENT_TYPE = "/officeDocument"  # the end of the type of the relation to it
LEFT_OUT = {
    "tbl": "tables", "drawing": "images", "pict": "images", "object": "images", "oMath": "formulas",
    "oMathPara": "formulas", "del": "deleted pieces", "moveFrom": "", "footnoteReference": "footnote marks",
    "endnoteReference": "footnote marks", "instrText": "", "commentReference": "comments", "annotationRef": "",
    "Fallback": "",
}  # fmt: skip
SIGNS = {"tab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
STYLE_LEFT_OUT = re.compile(
    r"^(?:toc(?: heading|\s*\d)|table of (?:figures|authorities)|index(?: heading| \d)|caption)$"
)
STYLE_HEADING = re.compile(r"^heading ?([1-9])$")
STYLE_TITLES = {"title": 1, "subtitle": 10}
MAX_STYLE_CHAIN = 20  # styles, each based on the next
DIGIT = re.compile(r"[0-9]$")
OLD_WORD = b"\xd0\xcf\x11\xe0"
FALSE_VALUES = ("0", "false", "off", "none")
FEED_BYTES = 1 << 16


@dataclass(frozen=True)
class Style:
    """A paragraph style: its name, the style that it is based on, its level in the outline."""

    name: str = ""
    base: str = ""
    level: int | None = None


Styles = Mapping[str, Style]


def read_docx(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    structure = Structure(entry.name)
    with entry.open() as file:
        if file.read(4) == OLD_WORD:
            raise Unreadable("is an old .doc or has a password; open it in a word processor and save it as .docx")
    with entry.unzip() as archive:
        document = find_document(archive)
        if PROPERTIES in archive:
            with suppress(Unreadable):  # a book is readable without what is said about it
                structure.title = read_title(parse_xml(archive.read(PROPERTIES)))
        styles = read_styles(archive, posixpath.join(posixpath.dirname(document), "styles.xml"))
        feed_document(archive.read(document), DocxTarget(structure, styles))
    findings += structure.findings()
    yield structure.make_part()


def find_document(archive: Archive) -> str:
    """Return the name of the main document; raises Unreadable if there is none."""
    candidates = [DOCUMENT]
    if "_rels/.rels" in archive:
        for relation in parse_xml(archive.read("_rels/.rels")).iter("{*}Relationship"):
            if str(relation.get("Type", "")).endswith(DOCUMENT_TYPE):
                candidates.insert(0, str(relation.get("Target", "")).lstrip("/"))
    for name in candidates:
        if name in archive:
            return name
    raise Unreadable("contains no Word document; open it in a word processor and save it again as .docx")


def read_styles(archive: Archive, name: str) -> Styles:
    """Read the paragraph styles by their ids; none if the archive has no such file."""
    if name not in archive:
        return {}
    styles = {}
    for style in parse_xml(archive.read(name)).iter("{*}style"):
        level = read_attribute(style.find("{*}pPr/{*}outlineLvl"), "val")
        style_name, base = read_attribute(style.find("{*}name"), "val"), read_attribute(style.find("{*}basedOn"), "val")
        style_level = int(level) if DIGIT.match(level) else None
        styles[read_attribute(style, "styleId")] = Style(style_name.lower(), base, style_level)
    return styles


def read_attribute(element: etree._Element | None, name: str) -> str:
    """Return an attribute of Word's namespace, whichever of the two it is; "" if there is none."""
    if element is None:
        return ""
    return next((str(value) for key, value in element.attrib.items() if local_name(str(key)) == name), "")


def local_name(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2]


def feed_document(raw: bytes, target: DocxTarget) -> None:
    """Parse the main document; raises Unreadable."""
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for start in range(0, len(raw), FEED_BYTES):
            parser.feed(raw[start : start + FEED_BYTES])
        parser.close()
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"is damaged: {error}") from None


class DocxTarget:
    """The parser's target: lxml calls it for each tag and text, and determines the names of the methods."""

    def __init__(self, structure: Structure, styles: Styles) -> None:
        self.structure = structure
        self.styles = styles
        self.stack: list[str] = []
        self.skipped_depth: int | None = None  # the number of open tags where an element to be left out began
        self.paragraph = Paragraph()

    def doctype(self, *_: object) -> None:
        """Refuse a document type: it could declare entities, and no word processor writes one."""
        raise Unreadable("declares a document type, which no word processor writes")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take an opening tag."""
        name = local_name(tag)
        self.stack.append(name)
        if self.skipped_depth is not None:
            return
        if name in LEFT_OUT and not (
            name == "del" and "pPr" in self.stack
        ):  # there, it is a mark of the paragraph's end
            self.skipped_depth = len(self.stack)
            self.count_left_out(LEFT_OUT[name])
            return
        values = {local_name(key): value for key, value in attributes.items()}
        if name == "p":
            self.paragraph = Paragraph()
        elif name == "br" and values.get("type") in ("page", "column"):
            self.structure.add_page_break()
        elif name in SIGNS and self.stack[-2:-1] == ["r"]:
            self.paragraph.text.append(SIGNS[name])
        else:
            self.take_property(name, values)

    def take_property(self, name: str, values: Mapping[str, str]) -> None:
        """Take a property of the paragraph or run from its tag."""
        value = values.get("val", "")
        parent = self.stack[-2] if len(self.stack) > 1 else ""
        if parent == "pPr":
            self.paragraph.take_property(name, value)
            if name == "pageBreakBefore" and value not in FALSE_VALUES:
                self.structure.add_page_break()
        elif parent == "rPr" and name == "vanish" and value not in FALSE_VALUES and "pPr" not in self.stack:
            self.paragraph.hidden = True
        elif name == "r":
            self.paragraph.hidden = False

    def data(self, text: str) -> None:
        """Take text, which may begin in the middle of a word."""
        if self.skipped_depth is None and self.stack and self.stack[-1] == "t" and not self.paragraph.hidden:
            self.paragraph.text.append(text)

    def end(self, tag: str) -> None:
        """Take a closing tag."""
        if self.skipped_depth == len(self.stack):
            self.skipped_depth = None
        elif self.skipped_depth is None and local_name(tag) == "p":
            self.finish()
        self.stack.pop()

    def close(self) -> None:
        """Do nothing at the end of the document; lxml requires the method."""

    def count_left_out(self, name: str) -> None:
        """Count an element that is left out; "" is not worth reporting."""
        if name:
            self.structure.left_out[name] += 1

    def finish(self) -> None:
        """Add the paragraph that ends here: as a heading if its style makes it one."""
        text = "".join(self.paragraph.text)
        name, level = resolve_style(self.paragraph.style, self.styles)
        level = level if self.paragraph.level is None else self.paragraph.level
        if STYLE_LEFT_OUT.match(name):
            self.count_left_out("lines of contents" if text.strip() else "")
        elif level and text.strip():
            self.structure.add_heading(level, text)
        else:
            self.structure.add_paragraph(text)
        if self.paragraph.ends_section:
            self.structure.add_page_break()


class Paragraph:
    """The paragraph that is being read."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.style = ""
        self.level: int | None = None
        self.ends_section = False
        self.hidden = False

    def take_property(self, name: str, value: str) -> None:
        """Take a property of the paragraph: its style, its level in the outline, or that a section ends with it."""
        if name == "pStyle":
            self.style = value
        elif name == "outlineLvl" and DIGIT.match(value):
            self.level = heading_level(int(value))
        elif name == "sectPr":
            self.ends_section = True


def resolve_style(style: str, styles: Styles) -> tuple[str, int]:
    """Return the name of a style and the level of its headings, by the styles it is based on; 0 is ordinary text."""
    first = styles.get(style, Style(style.lower()))
    current = first
    for _ in range(MAX_STYLE_CHAIN):
        if heading := STYLE_HEADING.match(current.name):
            return first.name, int(heading[1]) + 1
        if current.name in STYLE_TITLES:
            return first.name, STYLE_TITLES[current.name]
        if current.level is not None:
            return first.name, heading_level(current.level)
        current = styles.get(current.base, Style())
    return first.name, 0


def heading_level(level: int) -> int:
    """Convert a level in the outline, of which 9 is ordinary text, to a heading's level; level 1 is the title's."""
    return level + 2 if level < 9 else 0
