"""Bytes to text: UTF-8 first, else the likeliest encoding; mojibake repaired, quotes and dashes left as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

import ftfy
from charset_normalizer import from_bytes

from scriptorium.contracts import Finding, Severity

WESTERN = "cp1252"
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
REPLACEMENT = "\ufffd"
REPAIR = ftfy.TextFixerConfig(uncurl_quotes=False, unescape_html=True)
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class Undecodable(ValueError):
    """Bytes that are no text; the message says why."""


def decode(raw: bytes, place: str) -> tuple[str, list[Finding]]:
    """Text with plain line ends, and what a person should know of it; raises Undecodable."""
    text, encoding = read_characters(raw)
    if len(CONTROL.findall(text)) > 1 + len(text) // 1000:
        raise Undecodable("holds control characters, as a binary file does")
    findings = list(note_replacements(text, place))
    if encoding:
        seen = f"is not UTF-8 and was read as {encoding}; save it as UTF-8 if accents or quotes look wrong"
        findings.insert(0, Finding(code="guessed_encoding", place=place, message=seen))
    return ftfy.fix_text(text, REPAIR), findings


def read_characters(raw: bytes) -> tuple[str, str | None]:
    """The characters, and the encoding where it had to be guessed."""
    wide = raw.startswith(WIDE_MARKS)
    if b"\0" in raw and not wide:
        raise Undecodable(f"holds a NUL byte at offset {raw.index(0)}, as a binary file does")
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig"), None
    except UnicodeDecodeError:
        return guess_characters(raw)


def guess_characters(raw: bytes) -> tuple[str, str]:
    """The likeliest reading, Western where that is possible: in a few bytes, é looks alike in a dozen encodings."""
    matches = from_bytes(raw)
    western = [match for match in matches if match.encoding == WESTERN]
    best = western[0] if western else matches.best()
    if best is None:
        raise Undecodable("is neither UTF-8 nor in any encoding that makes text of it")
    return str(best), best.encoding


def note_replacements(text: str, place: str) -> Iterator[Finding]:
    """A finding where characters were lost before the file reached us."""
    first = text.find(REPLACEMENT)
    if first >= 0:
        lost, line = text.count(REPLACEMENT), text.count("\n", 0, first) + 1
        yield Finding(
            code="replacement_character",
            place=f"{place}:{line}",
            message=f"{lost} character(s) were lost in an earlier conversion (U+FFFD)",
            severity=Severity.DEBATABLE,
            next_step="Convert the original again as UTF-8, or put the characters back by hand.",
        )
