"""The words in the bytes of a file, by what they are; markup is cut away with one pattern, and nothing is parsed."""

from __future__ import annotations

import codecs
import re

from scriptorium.manuscript_types import Content
from scriptorium.text.pdf import estimate_pdf_words
from scriptorium.text.word_spans import estimate_words

LEADING_BYTE = 0xC0  # of a character of several bytes in UTF-8
TAG = re.compile(rb"<binary\b.*?(?:</binary>|\Z)|<[^<>]*+>", re.DOTALL)  # pictures of .fb2, too
RTF_DESTINATION = re.compile(
    rb"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|pict|header|footer)[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
)
RTF_CHARACTER = re.compile(rb"\\'[0-9A-Fa-f]{2}|\\u-?\d+ ?(?:\\'[0-9A-Fa-f]{2}|\?)?")
RTF_SIGN = re.compile(rb"\\[A-Za-z]+-?\d* ?|\\[^A-Za-z]|[{}]|[0-9A-Fa-f]{40,}")


def count_in_bytes(raw: bytes, content: Content) -> int:
    """Return the words of a file, or of its begin; 0 if it is not of a kind that has any."""
    match content:
        case Content.TEXT:
            return estimate_words(decode(raw))
        case Content.MARKUP:
            return estimate_words(decode(TAG.sub(b" ", raw)))
        case Content.RTF:
            return estimate_words(decode(RTF_SIGN.sub(b" ", RTF_CHARACTER.sub(b"x", RTF_DESTINATION.sub(b" ", raw)))))
        case Content.PDF:
            return estimate_pdf_words(raw)
        case _:
            return 0


def decode(body: bytes) -> str:
    """Decode a text well enough to count its words: as UTF-8, or byte by byte if it is in an older encoding."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", "replace")
    try:
        return body[: len(body) - cut_end(body)].decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def cut_end(body: bytes) -> int:
    """Return the bytes of a character at the end that reading has cut off."""
    return next((back for back in range(1, min(4, len(body) + 1)) if body[-back] >= LEADING_BYTE), 0)
