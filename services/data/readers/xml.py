"""Small XML files, parsed without entities, document types or the network."""

from __future__ import annotations

from lxml import etree

from services.data.readers.decode import Unreadable


def parse_xml(raw: bytes, *, recover: bool = False) -> etree._Element:
    """Return the root of a file; with `recover`, of its well-formed parts. Raises Unreadable."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=recover)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"is damaged: {error}") from None
    if root is None:
        raise Unreadable("is damaged: it contains an XML file without an element")
    return root


def read_title(root: etree._Element) -> str:
    """Return the title that a file's metadata state in Dublin Core, as .epub and .docx have it; empty if none."""
    titles = (element.text or "" for element in root.iter("{http://purl.org/dc/elements/1.1/}title"))
    return next((title for title in titles if title.strip()), "")
