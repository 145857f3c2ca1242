"""Word's .docx: paragraphs with their styles, as they are once every tracked change is accepted.

The document is parsed tag by tag with lxml; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import suppress

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.formats.docx.numbers import Numbers, read_numbers
from services.data.readers.formats.docx.styles import Styles, read_styles
from services.data.readers.formats.docx.target import DocxTarget
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml, read_title
from services.data.readers.xml_target import feed_xml

DOCUMENT = "word/document.xml"
PROPERTIES = "docProps/core.xml"
DOCUMENT_TYPE = "/officeDocument"  # the end of the type of the relation to it
OLD_WORD = b"\xd0\xcf\x11\xe0"


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
        folder = posixpath.dirname(document)
        styles: Styles = read_styles(root) if (root := read_part(archive, folder, "styles.xml")) is not None else {}
        numbers = read_numbers(root) if (root := read_part(archive, folder, "numbering.xml")) is not None else Numbers()
        target = DocxTarget(structure, styles, numbers)
        feed_xml(archive.read(document), target)
    target.looks.mark_headings(structure)
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


def read_part(archive: Archive, folder: str, name: str) -> etree._Element | None:
    """Return the root of a part beside the document, if the archive has it; raises Unreadable."""
    path = posixpath.join(folder, name)
    return parse_xml(archive.read(path)) if path in archive else None
