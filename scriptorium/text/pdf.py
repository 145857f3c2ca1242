"""PDF files: what reading a broken one may raise, and an estimate of the words of one by a sample of its pages."""

from __future__ import annotations

import binascii
import io
import logging
import struct
import zlib

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError

from scriptorium.text.word_spans import SPACED_WORD

PDF_DAMAGE = (
    PyPdfError, DependencyError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError,
    NotImplementedError, RecursionError, OSError, EOFError, struct.error, zlib.error, binascii.Error,
)  # fmt: skip  # pypdf trusts a file to be what it says
SAMPLE_PAGES = 12
MAX_PAGE_BYTES = 8 << 20  # of drawing instructions; a page of text has some kilobytes


def silence_pypdf() -> None:
    """Drop the remarks that pypdf logs about every odd file: they are not for users."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def estimate_pdf_words(raw: bytes) -> int:
    """Return about how many words a file has; 0 if it is damaged, encrypted or has no text."""
    silence_pypdf()
    try:
        pages = PdfReader(io.BytesIO(raw)).pages
        count = len(pages)
        sample = [pages[number * count // SAMPLE_PAGES] for number in range(SAMPLE_PAGES)] if count > 0 else []
        contents = [(page, page.get_contents()) for page in (sample if count > SAMPLE_PAGES else pages)]
        texts = [
            page.extract_text()
            for page, content in contents
            if content is not None and len(content.get_data()) <= MAX_PAGE_BYTES
        ]
    except PDF_DAMAGE:
        return 0
    return round(sum(len(SPACED_WORD.findall(text)) for text in texts) * count / max(1, len(contents)))
