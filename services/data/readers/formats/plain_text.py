"""Plain text, decoded slice by slice; a very long one comes in pieces that end with a chapter or a paragraph."""

from __future__ import annotations

from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.cleaning.headings import is_labelled
from services.data.readers.decode import find_encoding, note_encoding, note_replacements, read_slices
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry

PIECE_CHARACTERS = 2_000_000  # few novels have more, and a book is best in one piece
MAX_PIECE_CHARACTERS = PIECE_CHARACTERS + PIECE_CHARACTERS // 4  # beyond this a piece ends inside a chapter


def read_text(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    entry.measure()
    encoding = find_encoding(entry.open)
    findings += note_encoding(encoding, entry.name)
    line = 1
    for text in split_pieces(read_slices(entry.open, encoding)):
        findings += note_replacements(text, entry.name, line)
        yield Part(entry.name, text, line=line)
        line += text.count("\n")


def split_pieces(slices: Iterator[str]) -> Iterator[str]:
    """Yield a text in pieces that are short enough to be cleaned one by one."""
    buffer: list[str] = []
    size = 0
    for text in slices:
        buffer.append(text)
        size += len(text)
        if size > PIECE_CHARACTERS:
            piece = "".join(buffer)
            end = find_piece_end(piece, size - len(text))
            if end or size > MAX_PIECE_CHARACTERS:
                yield piece[: end or size]
                buffer = [piece[end or size :]]
                size = len(buffer[0])
    yield "".join(buffer)


def find_piece_end(text: str, start: int) -> int:
    """Return the position of the next chapter's heading or, if the piece grows too long, of a paragraph; else 0."""
    gap = text.find("\n\n", start)
    first = gap + 2
    while gap >= 0:
        begin = gap + 2
        if is_labelled(text[begin : text.find("\n", begin)].strip()):
            return begin
        gap = text.find("\n\n", begin)
    return first if first > 1 and len(text) > MAX_PIECE_CHARACTERS - PIECE_CHARACTERS // 8 else 0
