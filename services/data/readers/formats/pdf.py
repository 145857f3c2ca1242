"""PDF: the lines of its text layer, page by page, with blank lines where the page shows that a paragraph begins.

There is no OCR. Cleaning joins the lines and takes page furniture away, as it does in a scanned book in plain text.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pypdf import PageObject, PdfReader

from scriptorium.contracts import Finding
from scriptorium.text.pdf import MAX_PAGE_BYTES, PDF_DAMAGE, silence_pypdf
from services.data.readers.decode import Unreadable, mend_characters, note_replacements
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import FORM_FEED, Structure

START = b"%PDF-"
START_BYTES = 1024  # in which the start may be, according to the format
MAX_SECONDS = 240.0  # for one file; a novel takes twenty
MIN_CHARACTERS = 100  # of a file with a text layer; less is a stamp on pictures of pages
WIDE_GAP = 1.3  # of the usual distance between lines: a paragraph begins
SAME_PLACE = 1.5  # points between the left ends of two lines that stand under each other
NO_TEXT = "has no text layer: its pages are pictures; send the file that it was made from, or run it through OCR first"


@dataclass
class Line:
    """A line with the place of its left end, in points from the left and from the bottom of the page."""

    x: float = 0.0
    y: float = 0.0
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text of the line."""
        return " ".join("".join(self.pieces).split())


Page = Sequence[Line]


def read_pdf(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    raw = entry.read()
    if START not in raw[:START_BYTES]:
        raise Unreadable("is no PDF; save or print it anew as PDF, or better, send the file that it was made from")
    silence_pypdf()
    structure = Structure(entry.name)
    pages = list(read_pages(raw, entry))
    if sum(len(line.text) for page in pages for line in page) < MIN_CHARACTERS:
        raise Unreadable(NO_TEXT)
    if blank := sum(not page for page in pages):
        structure.left_out["pages without text"] = blank
    text = mend_characters(lay_out(pages))
    findings += [*note_replacements(text, entry.name), *structure.findings()]
    yield Part(entry.name, text)  # most titles that such files state are names of documents, or "untitled"


def read_pages(raw: bytes, entry: Entry) -> Iterator[Page]:
    """Yield the lines of each page; raises Unreadable or FileTooLarge."""
    deadline = time.monotonic() + MAX_SECONDS
    number = 0
    try:
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted:
            raise Unreadable("has a password or is protected; save it without protection")
        for number, page in enumerate(reader.pages, start=1):
            lines = read_page(page, number, deadline)
            entry.budget.charge(sum(len(line.text) for line in lines), entry.name)
            yield lines
    except Unreadable:
        raise
    except PDF_DAMAGE as error:
        place = f"page {number + 1}" if number else "its index"
        raise Unreadable(f"is damaged at {place}: {str(error)[:200] or type(error).__name__}; save it anew") from None


def read_page(page: PageObject, number: int, deadline: float) -> Page:
    """Return the lines of a page that have text; raises Unreadable if it takes too long."""
    lines = [Line()]

    def add_piece(text: str, shift: Sequence[float], place: Sequence[float], *_: Any) -> None:
        for index, piece in enumerate(text.split("\n")):
            if index:
                lines.append(Line())
            if piece.strip() and not lines[-1].text:
                lines[-1].x = place[4] * shift[0] + place[5] * shift[2] + shift[4]
                lines[-1].y = place[4] * shift[1] + place[5] * shift[3] + shift[5]
            lines[-1].pieces.append(piece)

    def check_time(*_: Any) -> None:
        if time.monotonic() > deadline:
            raise Unreadable(f"takes too long to read, at page {number}; send it as .docx, .epub or .txt")

    contents = page.get_contents()
    if contents is not None and len(contents.get_data()) > MAX_PAGE_BYTES:
        raise Unreadable(f"has a drawing on page {number} that is too large; send it as .docx, .epub or .txt")
    check_time()
    page.extract_text(visitor_text=add_piece, visitor_operand_before=check_time)
    return [line for line in lines if line.text]


def lay_out(pages: Sequence[Page]) -> str:
    """Return the text with page breaks, and blank lines between paragraphs as far as the pages show them."""
    gaps = Counter(round(above.y - below.y) for page in pages for above, below in pairwise(page) if above.y > below.y)
    gap = gaps.most_common(1)[0][0] if gaps else 0
    margins = [find_margin(page) for page in pages]
    indents = Counter(
        round(line.x - margin)
        for page, margin in zip(pages, margins, strict=True)
        for line in page
        if line.x > margin + SAME_PLACE
    )
    indent = indents.most_common(1)[0][0] if indents else 0
    return f"\n{FORM_FEED}\n".join(
        "\n".join(part_paragraphs(page, margin, gap, indent)) for page, margin in zip(pages, margins, strict=True)
    )


def find_margin(page: Page) -> float:
    """Return the place at which most lines of a page begin; the left one of two that are as frequent."""
    places = Counter(round(line.x) for line in page)
    return min(places, key=lambda place: (-places[place], place)) if places else 0


def part_paragraphs(page: Page, margin: float, gap: float, indent: float) -> Iterator[str]:
    """Yield the lines of a page, and a blank line before each that begins a paragraph."""
    for index, line in enumerate(page):
        if index and begins_paragraph(page[index - 1], line, margin, gap, indent):
            yield ""
        yield line.text


def begins_paragraph(above: Line, line: Line, margin: float, gap: float, indent: float) -> bool:
    """Return whether a line is far from the one above it, has the indent of paragraphs, or another place than it."""
    if not -SAME_PLACE <= above.y - line.y <= WIDE_GAP * gap:
        return True
    if abs(line.x - above.x) > SAME_PLACE:
        is_second = abs(line.x - margin) <= SAME_PLACE and abs(above.x - margin - indent) <= SAME_PLACE
        return not is_second
    return indent > 0 and abs(line.x - margin - indent) <= SAME_PLACE
