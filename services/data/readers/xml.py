"""Small XML files, read without entities, document types or the network."""

from __future__ import annotations

from lxml import etree

from services.data.readers.decode import Unreadable


def parse_xml(raw: bytes, *, mend: bool = False) -> etree._Element:
    """The root of a file; with `mend`, of as much as is well-formed. Raises Unreadable."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=mend)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"is damaged: {error}") from None
    if root is None:
        raise Unreadable("is damaged: it holds an XML file without an element")
    return root
