"""EPUB: the documents of its spine in reading order, each read as HTML; its own contents name those without a heading.

With zipfile and lxml; docs/adr/0017-formats-are-read-tag-by-tag.md says why.
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
from services.data.readers.html import decode_html, feed_html
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import PAGE, Structure
from services.data.readers.xml import parse_xml

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")  # obfuscated, which is no protection
TEXT = ("application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document")
NO_PROSE = {"cover": "covers", "toc": "contents", "loi": "contents", "lot": "contents", "index": "indexes"}
SHOWN = 5  # missing documents that are named


@dataclass(frozen=True)
class Item:
    """A file of the book: its place in the archive, its media type and its properties."""

    name: str
    kind: str
    properties: str


def read_epub(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    structure = Structure(entry.name)
    with entry.unzip() as archive:
        package = find_package(archive)
        check_protection(archive)
        book = parse_xml(archive.read(package))
        items = read_items(book, posixpath.dirname(package))
        labels = read_labels(archive, items)
        for name in choose_documents(book, items, package, archive, structure):
            findings += read_document(archive, name, labels.get(name, ""), structure)
    findings += structure.findings()
    yield structure.part()


def find_package(archive: Archive) -> str:
    """The name of the package document; raises Unreadable."""
    if CONTAINER not in archive:
        raise Unreadable(f"holds no {CONTAINER}, as an EPUB does; save or export it again")
    for root in parse_xml(archive.read(CONTAINER)).iter("{*}rootfile"):
        name = resolve("", str(root.get("full-path", "")))
        if name in archive:
            return name
    raise Unreadable("holds no package document, as an EPUB does; save or export it again")


def check_protection(archive: Archive) -> None:
    """Raise Unreadable where more than fonts is encrypted."""
    if ENCRYPTION in archive:
        methods = [
            str(each.get("Algorithm", "")) for each in parse_xml(archive.read(ENCRYPTION)).iter("{*}EncryptionMethod")
        ]
        if any(not method.startswith(FONTS) for method in methods):
            raise Unreadable("is protected against copying (DRM); send a file without protection")


def read_items(book: etree._Element, folder: str) -> dict[str, Item]:
    """The files of the manifest by their ids."""
    return {
        str(item.get("id", "")): Item(
            resolve(folder, str(item.get("href", ""))), str(item.get("media-type", "")), str(item.get("properties", ""))
        )
        for item in book.iter("{*}item")
    }


def choose_documents(
    book: etree._Element, items: dict[str, Item], package: str, archive: Archive, structure: Structure
) -> list[str]:
    """The documents of the spine that are prose; raises Unreadable where some are missing, or there is none."""
    guide = {
        resolve(posixpath.dirname(package), str(each.get("href", ""))): str(each.get("type", "")).lower()
        for each in book.iter("{*}reference")
    }
    chosen, missing = [], []
    for itemref in book.iter("{*}itemref"):
        item = items.get(str(itemref.get("idref", "")))
        if item is None or item.name not in archive:
            missing.append(item.name if item else str(itemref.get("idref", "")))
        elif what := why_left_out(item, guide, str(itemref.get("linear", ""))):
            structure.left_out[what] += 1
        else:
            chosen.append(item.name)
    if missing:
        named = ", ".join(repr(name[:80]) for name in missing[:SHOWN])
        raise Unreadable(f"lacks {len(missing)} of its documents: {named}; save or export it again")
    if not chosen:
        raise Unreadable("has no document in its spine; save or export it again")
    return list(dict.fromkeys(chosen))


def why_left_out(item: Item, guide: dict[str, str], linear: str) -> str:
    """What a document of the spine is if it is no prose; else ""."""
    if "nav" in item.properties.split():
        return "contents"
    if item.kind and item.kind not in TEXT:
        return "images"
    return "documents beside the text" if linear == "no" else NO_PROSE.get(guide.get(item.name, ""), "")


def read_labels(archive: Archive, items: dict[str, Item]) -> dict[str, str]:
    """What the book's own contents call each document, by its name; the first label where there are several."""
    labels: dict[str, str] = {}
    for item in items.values():
        is_nav, is_ncx = "nav" in item.properties.split(), item.kind == "application/x-dtbncx+xml"
        if not (is_nav or is_ncx) or item.name not in archive:
            continue
        folder = posixpath.dirname(item.name)
        root = parse_xml(archive.read(item.name), mend=True)
        found = nav_labels(root) if is_nav else ncx_labels(root)
        for target, label in found:
            labels.setdefault(resolve(folder, target), " ".join(label.split()))
    return labels


def nav_labels(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Targets and labels of an EPUB 3's navigation document; lists of pages and landmarks come after the contents."""
    for nav in list(root.iter("{*}nav"))[:1]:
        for link in nav.iter("{*}a"):
            yield str(link.get("href", "")), "".join(map(str, link.itertext()))


def ncx_labels(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Targets and labels of an EPUB 2's contents."""
    for point in root.iter("{*}navPoint"):
        content, label = point.find("{*}content"), point.find("{*}navLabel/{*}text")
        if content is not None and label is not None:
            yield str(content.get("src", "")), str(label.text or "")


def read_document(archive: Archive, name: str, label: str, structure: Structure) -> list[Finding]:
    """Add a document to a structure; its label is its heading where it has none. What its encoding says."""
    text, findings = decode_html(archive.read(name), f"{structure.name}, {name}")
    before = len(structure.pieces)
    structure.page()
    feed_html(text, structure)
    added = structure.pieces[before:]
    told = any(text not in ("", PAGE) for _, text in added)
    if label and told and not any(level for level, _ in added):
        structure.pieces[before:] = [added[0], (1, label), *added[1:]]
    return findings


def resolve(folder: str, target: str) -> str:
    """The name of what a link points at, as a label in the archive."""
    return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))
