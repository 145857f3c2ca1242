"""A base of lxml's parser targets for formats in XML: what is open, and what is left out with all that it contains.

The parser passes on one tag after another, so that no tree fills the memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from lxml import etree

from services.data.readers.decode import Unreadable
from services.data.readers.structure import Structure

FEED_BYTES = 1 << 16
MAX_DEPTH = 1000  # open elements: a table in a table in a table has forty, and each look at them takes time


class XmlTarget:
    """The parser's target; lxml determines the names of its first methods, a format defines those after them."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.stack: list[str] = []
        self.skipped_depth: int | None = None  # the number of open tags where an element to be left out began
        self.skipped_reason = ""
        self.skipped_text: list[str] = []

    def doctype(self, *_: object) -> None:
        """Refuse a document type: it could declare entities, and no program for writers writes one."""
        raise Unreadable("declares a document type, which no program for writers writes")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Take an opening tag."""
        if len(self.stack) >= MAX_DEPTH:
            raise Unreadable(f"nests more than {MAX_DEPTH:,} elements in each other, which no program for writers does")
        name = local_name(tag)
        if self.skipped_depth is None:
            values = {local_name(key): value for key, value in attributes.items()}
            reason = self.classify(name, values)
            if reason is None:
                self.begin(name, values)
            else:
                self.skipped_depth, self.skipped_reason = len(self.stack), reason
        self.stack.append(name)

    def data(self, text: str) -> None:
        """Take text, which may begin in the middle of a word."""
        if self.skipped_depth is None:
            self.add_text(text)
        else:
            self.skipped_text.append(text)

    def end(self, _: str) -> None:
        """Take a closing tag."""
        name = self.stack.pop()
        if self.skipped_depth is None:
            self.finish(name)
        elif self.skipped_depth == len(self.stack):
            if self.skipped_reason:
                self.structure.leave_out(self.skipped_reason, "".join(self.skipped_text))
            self.skipped_depth = None
            self.skipped_text.clear()

    def close(self) -> None:
        """Do nothing at the end of the document; lxml requires the method."""

    def classify(self, name: str, values: Mapping[str, str]) -> str | None:
        """Return what an element is if it is not prose, "" if it is not worth reporting; None if it is prose."""
        raise NotImplementedError

    def begin(self, name: str, values: Mapping[str, str]) -> None:
        """Take the begin of an element that is not left out; `stack` has those around it."""
        raise NotImplementedError

    def add_text(self, text: str) -> None:
        """Take text that is not left out."""
        raise NotImplementedError

    def finish(self, name: str) -> None:
        """Take the end of an element that is not left out; `stack` has those around it."""
        raise NotImplementedError


def local_name(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition("}")[2]


def feed_xml(raw: bytes, target: XmlTarget) -> None:
    """Parse a file into a target; raises Unreadable."""
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        for start in range(0, len(raw), FEED_BYTES):
            parser.feed(raw[start : start + FEED_BYTES])
        parser.close()
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"is damaged: {error}") from None
