"""The words in the bytes of a file, by what they are; markup is cut away with one pattern, and nothing is parsed."""

from __future__ import annotations

import re

from scriptorium.manuscript_types import Content
from scriptorium.text.pdf import estimate_pdf_words

WORD = re.compile(rb"\S*\w\S*")
TAG = re.compile(rb"<binary\b.*?(?:</binary>|\Z)|<[^>]*>", re.DOTALL)  # pictures of .fb2, too
RTF_DESTINATION = re.compile(
    rb"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|pict|header|footer)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
)
RTF_CHARACTER = re.compile(rb"\\'[0-9A-Fa-f]{2}|\\u-?\d+ ?(?:\\'[0-9A-Fa-f]{2}|\?)?")
RTF_SIGN = re.compile(rb"\\[A-Za-z]+-?\d* ?|\\[^A-Za-z]|[{}]|[0-9A-Fa-f]{40,}")


def count_in_bytes(raw: bytes, content: Content) -> int:
    """Return the words of a file, or of its begin; 0 if it is not of a kind that has any."""
    match content:
        case Content.TEXT:
            return len(WORD.findall(raw))
        case Content.MARKUP:
            return len(WORD.findall(TAG.sub(b" ", raw)))
        case Content.RTF:
            return len(WORD.findall(RTF_SIGN.sub(b" ", RTF_CHARACTER.sub(b"x", RTF_DESTINATION.sub(b" ", raw)))))
        case Content.PDF:
            return estimate_pdf_words(raw)
        case _:
            return 0
