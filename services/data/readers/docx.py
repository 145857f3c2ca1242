"""Word's .docx: paragraphs by style, as the document has them once every change in it is accepted.

The document is read tag after tag with lxml; docs/adr/0017-formats-are-read-tag-by-tag.md says why.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml

DOCUMENT = "word/document.xml"
DOCUMENT_TYPE = "/officeDocument"  # how the relation to it ends
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
LONGEST_CHAIN = 20  # of styles that are each based on the next
DIGIT = re.compile(r"[0-9]$")
OLD_WORD = b"\xd0\xcf\x11\xe0"
NO = ("0", "false", "off", "none")
FEED = 1 << 16


@dataclass(frozen=True)
class Style:
    """What a paragraph's style says: its name, the style that it is based on, its level in the outline."""

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
        styles = read_styles(archive, posixpath.join(posixpath.dirname(document), "styles.xml"))
        feed(archive.read(document), Target(structure, styles))
    findings += structure.findings()
    yield structure.part()


def find_document(archive: Archive) -> str:
    """The name of the main document; raises Unreadable where there is none."""
    found = [DOCUMENT]
    if "_rels/.rels" in archive:
        for relation in parse_xml(archive.read("_rels/.rels")).iter("{*}Relationship"):
            if str(relation.get("Type", "")).endswith(DOCUMENT_TYPE):
                found.insert(0, str(relation.get("Target", "")).lstrip("/"))
    for name in found:
        if name in archive:
            return name
    raise Unreadable("holds no Word document; open it in a word processor and save it again as .docx")


def read_styles(archive: Archive, name: str) -> Styles:
    """The paragraph styles by their ids; none where the file has none."""
    if name not in archive:
        return {}
    styles = {}
    for style in parse_xml(archive.read(name)).iter("{*}style"):
        level = own(style.find("{*}pPr/{*}outlineLvl"), "val")
        named, base = own(style.find("{*}name"), "val"), own(style.find("{*}basedOn"), "val")
        styles[own(style, "styleId")] = Style(named.lower(), base, int(level) if DIGIT.match(level) else None)
    return styles


def own(element: etree._Element | None, name: str) -> str:
    """An attribute of Word's namespace, whichever of the two it is; "" where there is none."""
    if element is None:
        return ""
    return next((str(value) for key, value in element.attrib.items() if local(str(key)) == name), "")


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]


def feed(raw: bytes, target: Target) -> None:
    """Read the main document; raises Unreadable."""
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False)
    try:
        for start in range(0, len(raw), FEED):
            parser.feed(raw[start : start + FEED])
        parser.close()
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"is damaged: {error}") from None


class Target:
    """What the parser tells of each tag and text; lxml gives the methods their names."""

    def __init__(self, structure: Structure, styles: Styles) -> None:
        self.structure = structure
        self.styles = styles
        self.stack: list[str] = []
        self.skipped: int | None = None  # how many tags were open when something to be left out began
        self.paragraph = Paragraph()

    def doctype(self, *_: object) -> None:
        """A document type could declare entities; no word processor writes one."""
        raise Unreadable("declares a document type, which no word processor writes")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A tag opens."""
        name = local(tag)
        self.stack.append(name)
        if self.skipped is not None:
            return
        if name in LEFT_OUT and not (
            name == "del" and "pPr" in self.stack
        ):  # there, it is a mark of the paragraph's end
            self.skipped = len(self.stack)
            self.count(LEFT_OUT[name])
            return
        values = {local(key): value for key, value in attributes.items()}
        if name == "p":
            self.paragraph = Paragraph()
        elif name == "br" and values.get("type") in ("page", "column"):
            self.structure.page()
        elif name in SIGNS and self.stack[-2:-1] == ["r"]:
            self.paragraph.text.append(SIGNS[name])
        else:
            self.learn(name, values)

    def learn(self, name: str, values: Mapping[str, str]) -> None:
        """What a tag says of its paragraph or run."""
        value = values.get("val", "")
        parent = self.stack[-2] if len(self.stack) > 1 else ""
        if parent == "pPr":
            self.paragraph.learn(name, value)
            if name == "pageBreakBefore" and value not in NO:
                self.structure.page()
        elif parent == "rPr" and name == "vanish" and value not in NO and "pPr" not in self.stack:
            self.paragraph.hidden = True
        elif name == "r":
            self.paragraph.hidden = False

    def data(self, text: str) -> None:
        """Text comes, perhaps in the middle of a word."""
        if self.skipped is None and self.stack and self.stack[-1] == "t" and not self.paragraph.hidden:
            self.paragraph.text.append(text)

    def end(self, tag: str) -> None:
        """A tag closes."""
        if self.skipped == len(self.stack):
            self.skipped = None
        elif self.skipped is None and local(tag) == "p":
            self.finish()
        self.stack.pop()

    def close(self) -> None:
        """The document ends."""

    def count(self, what: str) -> None:
        """Count what is left out; "" is nothing that anybody needs to know."""
        if what:
            self.structure.left_out[what] += 1

    def finish(self) -> None:
        """Add the paragraph that ends here as what its style says it is."""
        text = "".join(self.paragraph.text)
        name, level = follow(self.paragraph.style, self.styles)
        level = level if self.paragraph.level is None else self.paragraph.level
        if STYLE_LEFT_OUT.match(name):
            self.count("lines of contents" if text.strip() else "")
        elif level and text.strip():
            self.structure.heading(level, text)
        else:
            self.structure.paragraph(text)
        if self.paragraph.section:
            self.structure.page()


class Paragraph:
    """The paragraph that is being read."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.style = ""
        self.level: int | None = None
        self.section = False
        self.hidden = False

    def learn(self, name: str, value: str) -> None:
        """Take a property of the paragraph: its style, its level in the outline, or that a section ends with it."""
        if name == "pStyle":
            self.style = value
        elif name == "outlineLvl" and DIGIT.match(value):
            self.level = outline(int(value))
        elif name == "sectPr":
            self.section = True


def follow(style: str, styles: Styles) -> tuple[str, int]:
    """The name of a style and the level of its headings, 0 for ordinary text, through the styles it is based on."""
    first = styles.get(style, Style(style.lower()))
    current = first
    for _ in range(LONGEST_CHAIN):
        if heading := STYLE_HEADING.match(current.name):
            return first.name, int(heading[1]) + 1
        if current.name in STYLE_TITLES:
            return first.name, STYLE_TITLES[current.name]
        if current.level is not None:
            return first.name, outline(current.level)
        current = styles.get(current.base, Style())
    return first.name, 0


def outline(level: int) -> int:
    """A heading's level by its level in the outline, of which 9 is ordinary text; level 1 is the title's."""
    return level + 2 if level < 9 else 0
