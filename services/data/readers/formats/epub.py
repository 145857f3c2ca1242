"""EPUB: the documents of its spine in reading order, read as HTML; the book's contents title those without a heading.

It is read with zipfile and lxml; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.formats.epub_contents import Titles, place_titles, read_contents, resolve
from services.data.readers.formats.html import decode_html, feed_html
from services.data.readers.formats.html_kinds import FRONT_MATTER, FRONT_MATTER_TYPES, is_short
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure
from services.data.readers.xml import parse_xml, read_title

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
FONT_ALGORITHMS = (
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
)  # obfuscated fonts are no copy protection
TEXT_TYPES = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")
NCX_TYPE = "application/x-dtbncx+xml"
NON_PROSE_TYPES = {  # of the guide's references
    "cover": "covers", "toc": "contents", "loi": "contents", "lot": "contents", "index": "indexes",
    **FRONT_MATTER, **FRONT_MATTER_TYPES,
}  # fmt: skip
FRONT_MATTER_KINDS = frozenset([*FRONT_MATTER.values(), *FRONT_MATTER_TYPES.values()])
SHOWN_DOCUMENTS = 5  # missing documents named in an error


@dataclass(frozen=True)
class ManifestItem:
    """A file of the book: its name in the archive, its media type and its properties."""

    name: str
    media_type: str
    properties: str


def read_epub(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    structure = Structure(entry.name)
    with entry.unzip() as archive:
        package = find_package(archive)
        check_protection(archive)
        book = parse_xml(archive.read(package))
        structure.title = read_title(book)
        items = read_items(book, posixpath.dirname(package))
        contents = read_contents(archive, *find_contents(archive, items))
        for name, kind in choose_documents(book, items, package, archive, structure):
            start = len(structure.pieces)
            findings += read_document(archive, name, contents.get(name, ()), structure)
            if kind and (kind not in FRONT_MATTER_KINDS or is_short(structure.text_since(start))):
                structure.drop_since(start, kind)
    findings += structure.findings()
    yield structure.make_part()


def find_package(archive: Archive) -> str:
    """Return the name of the package document; raises Unreadable."""
    if CONTAINER not in archive:
        raise Unreadable(f"lacks {CONTAINER}, which every EPUB has; save or export it again")
    for root in parse_xml(archive.read(CONTAINER)).iter("{*}rootfile"):
        name = resolve("", str(root.get("full-path", "")))
        if name in archive:
            return name
    raise Unreadable("lacks a package document, which every EPUB has; save or export it again")


def check_protection(archive: Archive) -> None:
    """Raise Unreadable if anything but fonts is encrypted."""
    if ENCRYPTION in archive:
        elements = parse_xml(archive.read(ENCRYPTION)).iter("{*}EncryptionMethod")
        methods = [str(element.get("Algorithm", "")) for element in elements]
        if any(not method.startswith(FONT_ALGORITHMS) for method in methods):
            raise Unreadable("is protected against copying (DRM); send a file without protection")


def read_items(book: etree._Element, folder: str) -> dict[str, ManifestItem]:
    """Return the files of the manifest by their ids."""
    return {
        str(item.get("id", "")): ManifestItem(
            resolve(folder, str(item.get("href", ""))), str(item.get("media-type", "")), str(item.get("properties", ""))
        )
        for item in book.iter("{*}item")
    }


def choose_documents(
    book: etree._Element, items: dict[str, ManifestItem], package: str, archive: Archive, structure: Structure
) -> list[tuple[str, str]]:
    """Return the documents of the spine, each with the kind that it says it is if it does not train, else "".

    Raises Unreadable if one is missing, or none is prose.
    """
    guide = {
        resolve(posixpath.dirname(package), str(reference.get("href", ""))): NON_PROSE_TYPES.get(
            str(reference.get("type", "")).lower(), ""
        )
        for reference in book.iter("{*}reference")
    }
    chosen: dict[str, str] = {}
    missing = []
    for itemref in book.iter("{*}itemref"):
        item = items.get(str(itemref.get("idref", "")))
        if item is None or item.name not in archive:
            missing.append(item.name if item else str(itemref.get("idref", "")))
        elif kind := classify_file(item):
            structure.leave_out(kind)
        else:
            linear = str(itemref.get("linear", ""))
            chosen.setdefault(item.name, "documents beside the text" if linear == "no" else guide.get(item.name, ""))
    if missing:
        names = ", ".join(repr(name[:80]) for name in missing[:SHOWN_DOCUMENTS])
        raise Unreadable(f"lacks {len(missing)} of its documents: {names}; save or export it again")
    if all(kind and kind not in FRONT_MATTER_KINDS for kind in chosen.values()):
        raise Unreadable("has no document in its spine; save or export it again")
    return list(chosen.items())


def classify_file(item: ManifestItem) -> str:
    """Return what a file of the spine is if it is no document of text; else ""."""
    if "nav" in item.properties.split():
        return "contents"
    return "images" if item.media_type and item.media_type not in TEXT_TYPES else ""


def find_contents(archive: Archive, items: dict[str, ManifestItem]) -> tuple[list[str], list[str]]:
    """Return the files of an EPUB 3's navigation, and those of an EPUB 2's contents."""
    there = [item for item in items.values() if item.name in archive]
    navigations = [item.name for item in there if "nav" in item.properties.split()]
    return navigations, [item.name for item in there if item.media_type == NCX_TYPE]


def read_document(archive: Archive, name: str, titles: Titles, structure: Structure) -> list[Finding]:
    """Add a document to a structure, its titles as headings where it has none; return findings about its encoding."""
    text, findings = decode_html(archive.read(name), f"{structure.name}, {name}")
    structure.add_page_break()
    start = len(structure.pieces)
    anchors = {anchor: title for anchor, title in reversed(titles) if anchor}
    place_titles(structure, start, titles, feed_html(text, structure, anchors))
    return findings
