"""FictionBook (.fb2, and .fbz or .fb2.zip, the same packed): sections with titles, verse with its lines.

It is read with lxml, tag by tag; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scriptorium.contracts import Finding
from services.data.readers.decode import Unreadable
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import SCENE_BREAK, Structure
from services.data.readers.xml_target import XmlTarget, feed_xml

LEFT_OUT = {"image": "images", "binary": "", "stylesheet": "", "document-info": "", "publish-info": "",
            "custom-info": "", "src-title-info": "", "annotation": "", "keywords": "", "date": ""}  # fmt: skip
BLOCKS = frozenset(["p", "v", "subtitle", "text-author", "th", "td", "date"])
NOTES = ("notes", "footnotes", "comments", "endnotes")
SUBTITLE_LEVEL = 10  # below any section


def read_fb2(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    yield read_book(entry.read(), entry.name, findings)


def read_packed_fb2(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a packed file, which has one book in it; raises Unreadable or FileTooLarge."""
    with entry.unzip() as archive:
        names = [name for name in archive.names if name.lower().endswith(".fb2")]
        if len(names) != 1:
            raise Unreadable(f"contains {len(names)} .fb2 files; send them unpacked, or in a .zip")
        yield read_book(archive.read(names[0]), entry.name, findings)


def read_book(raw: bytes, name: str, findings: list[Finding]) -> Part:
    """Return the text of a book; raises Unreadable."""
    structure = Structure(name)
    feed_xml(raw, Fb2Target(structure))
    findings += structure.findings()
    return structure.make_part()


class Fb2Target(XmlTarget):
    """Collects the text of the main bodies."""

    def __init__(self, structure: Structure) -> None:
        super().__init__(structure)
        self.text: list[str] = []
        self.lines: list[str] = []  # of an open title or stanza
        self.tables: list[int] = []

    def classify(self, name: str, values: Mapping[str, str]) -> str | None:
        """Return what an element is if it is not prose, "" if it is not worth reporting; None if it is prose."""
        if not self.stack and name != "FictionBook":
            raise Unreadable("is no FictionBook: its first element has another name")
        if name == "body" and values.get("name", "").lower() in NOTES:
            return "footnotes"
        if name == "a" and values.get("type") == "note":
            return "footnote marks"
        in_body = "body" in self.stack
        return None if in_body and name in ("annotation", "date") else LEFT_OUT.get(name)

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Take the begin of an element."""
        if name in ("title", "stanza"):
            self.lines.clear()
        elif name in BLOCKS or name == "book-title":
            self.text.clear()
        elif name == "empty-line":
            self.structure.add_paragraph("")
        elif name == "table":
            self.tables.append(len(self.structure.pieces))

    def add_text(self, text: str) -> None:
        """Take text; the line breaks of the file are not the writer's."""
        self.text.append(" ".join(text.split("\n")))

    def finish(self, name: str) -> None:
        """Take the end of an element."""
        if name == "book-title" and "title-info" in self.stack:
            self.structure.title = self.structure.title or "".join(self.text).strip()
        elif "body" not in self.stack:
            return
        elif name in BLOCKS:
            self.finish_block(name, "".join(self.text))
            self.text.clear()
        elif name == "title":
            self.finish_title()
        elif name == "stanza":
            self.structure.add_paragraph("\n".join(self.lines))
            self.lines.clear()
        elif name == "table" and self.tables:
            self.structure.drop_table(self.tables.pop())

    def finish_block(self, name: str, text: str) -> None:
        """Add a paragraph, or a line of a title or a stanza."""
        if {"title", "stanza"} & set(self.stack):
            self.lines.append(text)
        elif name != "subtitle":
            self.structure.add_paragraph(text)
        elif any(map(str.isalnum, text)):
            self.structure.add_heading(SUBTITLE_LEVEL, text)
        else:
            self.structure.add_paragraph(text if text.strip() else SCENE_BREAK)

    def finish_title(self) -> None:
        """Add the heading of a body, a section, or a poem in one."""
        if "stanza" in self.stack:
            return
        if self.stack[-1] in ("body", "section"):
            self.structure.add_heading(1 + self.stack.count("section"), "\n".join(self.lines))
        else:
            self.structure.add_paragraph("\n".join(self.lines))
        self.lines.clear()
