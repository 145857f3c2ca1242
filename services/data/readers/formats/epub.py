"""EPUB: the documents of its spine in reading order, read as HTML; the book's contents title those without a heading.

It is read with zipfile and lxml; docs/adr/0017-formats-are-read-tag-by-tag.md gives the reasons.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree

from scriptorium.contracts import Finding
from services.data.readers.archive import Archive
from services.data.readers.decode import Unreadable
from services.data.readers.formats.html import decode_html, feed_html
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import FORM_FEED, Structure
from services.data.readers.xml import parse_xml, read_title

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
FONT_ALGORITHMS = (
    "http://www.idpf.org/2008/embedding",
    "http://ns.adobe.com/pdf/enc#RC",
)  # obfuscated fonts are no copy protection
TEXT_TYPES = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")
NON_PROSE_TYPES = {"cover": "covers", "toc": "contents", "loi": "contents", "lot": "contents", "index": "indexes"}
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
        labels = read_labels(archive, items)
        for name in choose_documents(book, items, package, archive, structure):
            findings += read_document(archive, name, labels.get(name, ""), structure)
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
) -> list[str]:
    """Return the documents of the spine that are prose; raises Unreadable if one is missing, or there is none."""
    guide = {
        resolve(posixpath.dirname(package), str(reference.get("href", ""))): str(reference.get("type", "")).lower()
        for reference in book.iter("{*}reference")
    }
    chosen, missing = [], []
    for itemref in book.iter("{*}itemref"):
        item = items.get(str(itemref.get("idref", "")))
        if item is None or item.name not in archive:
            missing.append(item.name if item else str(itemref.get("idref", "")))
        elif kind := classify_document(item, guide, str(itemref.get("linear", ""))):
            structure.left_out[kind] += 1
        else:
            chosen.append(item.name)
    if missing:
        names = ", ".join(repr(name[:80]) for name in missing[:SHOWN_DOCUMENTS])
        raise Unreadable(f"lacks {len(missing)} of its documents: {names}; save or export it again")
    if not chosen:
        raise Unreadable("has no document in its spine; save or export it again")
    return list(dict.fromkeys(chosen))


def classify_document(item: ManifestItem, guide: dict[str, str], linear: str) -> str:
    """Return what a document of the spine is if it is not prose; else ""."""
    if "nav" in item.properties.split():
        return "contents"
    if item.media_type and item.media_type not in TEXT_TYPES:
        return "images"
    return "documents beside the text" if linear == "no" else NON_PROSE_TYPES.get(guide.get(item.name, ""), "")


def read_labels(archive: Archive, items: dict[str, ManifestItem]) -> dict[str, str]:
    """Return the label of each document in the book's contents, by its name; the first one if there are several."""
    labels: dict[str, str] = {}
    for item in items.values():
        is_nav, is_ncx = "nav" in item.properties.split(), item.media_type == "application/x-dtbncx+xml"
        if not (is_nav or is_ncx) or item.name not in archive:
            continue
        folder = posixpath.dirname(item.name)
        root = parse_xml(archive.read(item.name), recover=True)
        for target, label in read_nav_labels(root) if is_nav else read_ncx_labels(root):
            labels.setdefault(resolve(folder, target), " ".join(label.split()))
    return labels


def read_nav_labels(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield targets and labels of an EPUB 3's navigation; lists of pages and landmarks come after the contents."""
    for nav in list(root.iter("{*}nav"))[:1]:
        for link in nav.iter("{*}a"):
            yield str(link.get("href", "")), "".join(map(str, link.itertext()))


def read_ncx_labels(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield targets and labels of an EPUB 2's contents."""
    for point in root.iter("{*}navPoint"):
        content, label = point.find("{*}content"), point.find("{*}navLabel/{*}text")
        if content is not None and label is not None:
            yield str(content.get("src", "")), str(label.text or "")


def read_document(archive: Archive, name: str, label: str, structure: Structure) -> list[Finding]:
    """Add a document to a structure, its label as the heading if it has none; return findings about its encoding."""
    text, findings = decode_html(archive.read(name), f"{structure.name}, {name}")
    before = len(structure.pieces)
    structure.add_page_break()
    feed_html(text, structure)
    added = structure.pieces[before:]
    has_text = any(text not in ("", FORM_FEED) for _, text in added)
    if label and has_text and not any(level for level, _ in added):
        structure.pieces[before:] = [added[0], (1, label), *added[1:]]
    return findings


def resolve(folder: str, target: str) -> str:
    """Return the name in the archive that a link points at."""
    return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))
