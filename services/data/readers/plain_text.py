"""Plain text, decoded slice by slice; a very long one comes in pieces that end where a chapter or a paragraph does."""

from __future__ import annotations

from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.cleaning.headings import labelled
from services.data.readers.decode import find_encoding, note_encoding, note_replacements, read_slices
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry

LONG = 2_000_000  # characters: few novels have more, and a book is best one piece
TOO_LONG = LONG + LONG // 4  # then a piece ends without a chapter


def read_text(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    entry.measure()
    encoding = find_encoding(entry.open)
    findings += note_encoding(encoding, entry.name)
    line = 1
    for text in pieces(read_slices(entry.open, encoding)):
        findings += note_replacements(text, entry.name, line)
        yield Part(entry.name, text, line=line)
        line += text.count("\n")


def pieces(slices: Iterator[str]) -> Iterator[str]:
    """A text in pieces that are short enough to be cleaned one by one."""
    held: list[str] = []
    size = 0
    for text in slices:
        held.append(text)
        size += len(text)
        if size > LONG:
            whole = "".join(held)
            end = find_end(whole, size - len(text))
            if end or size > TOO_LONG:
                yield whole[: end or size]
                held = [whole[end or size :]]
                size = len(held[0])
    yield "".join(held)


def find_end(text: str, start: int) -> int:
    """Where a chapter's heading begins after a place, or, in a piece that grows too long, a paragraph; else 0."""
    at = text.find("\n\n", start)
    first = at + 2
    while at >= 0:
        begin = at + 2
        if labelled(text[begin : text.find("\n", begin)].strip()):
            return begin
        at = text.find("\n\n", begin)
    return first if first > 1 and len(text) > TOO_LONG - LONG // 8 else 0
