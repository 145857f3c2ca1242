"""PDF: the lines of its text layer, page by page, with blank lines where the page shows that a paragraph begins.

There is no OCR. Cleaning joins the lines and takes page furniture away, as it does in a scanned book in plain text.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pypdf import PageObject, PasswordType, PdfReader

from scriptorium.contracts import Finding
from scriptorium.text.pdf import MAX_PAGE_BYTES, PDF_DAMAGE, silence_pypdf
from services.data.readers.decode import Unreadable, mend_characters, note_replacements
from services.data.readers.manuscript import Part
from services.data.readers.pages import Line, Page, drop_heads, lay_out
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure

START = b"%PDF-"
START_BYTES = 1024  # in which the start may be, according to the format
MAX_SECONDS = 240.0  # for one file; a novel takes twenty
MIN_CHARACTERS = 100  # of a file with a text layer; less is a stamp on pictures of pages
NO_TEXT = "has no text layer: its pages are pictures; send the file that it was made from, or run it through OCR first"


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
    pages, heads = drop_heads(pages)
    structure.left_out.update({"running heads and page numbers": heads} if heads else {})
    text = mend_characters(lay_out(pages))
    findings += [*note_replacements(text, entry.name), *structure.findings()]
    yield Part(entry.name, text)  # most titles that such files state are names of documents, or "untitled"


def read_pages(raw: bytes, entry: Entry) -> Iterator[Page]:
    """Yield the lines of each page; raises Unreadable or FileTooLarge."""
    deadline = time.monotonic() + MAX_SECONDS
    number = 0
    try:
        reader = PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:  # copying may be all it forbids
            raise Unreadable("has a password; save it without one")
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
