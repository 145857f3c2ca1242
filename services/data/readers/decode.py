"""Bytes to text: UTF-8 first, then what the file says of itself, else the likeliest encoding.

What was read in a wrong encoding before it reached us is put right later (services/data/cleaning/clean.py). A long
text is decoded slice by slice.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from charset_normalizer import from_bytes

from scriptorium.contracts import Finding

WESTERN = "cp1252"
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
REPLACEMENT = "\ufffd"
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
OTHER_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
SLICE = 1 << 18  # characters that are decoded at once
SAMPLE = 1 << 18  # bytes by which an encoding is guessed
DECLARED = re.compile(  # encodings that a file may claim; any other claim is passed over
    r"(?:us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]|macintosh|mac-?roman"
    r"|shift[_-]?jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5)",
    re.IGNORECASE,
)

Opener = Callable[[], BinaryIO]


class Unreadable(ValueError):
    """A file that cannot be read; the message says why, as the end of a sentence that begins with its name."""


@dataclass(frozen=True)
class Encoding:
    """How bytes are read as characters, and whether that had to be guessed."""

    name: str
    guessed: bool = False


def decode(raw: bytes, place: str, declared: str | None = None) -> tuple[str, list[Finding]]:
    """Text with plain line ends, and what a person should know of it; raises Unreadable."""
    encoding = find_encoding(lambda: io.BytesIO(raw), declared)
    text = OTHER_ENDS.sub("\n", raw.decode(encoding.name, "replace"))
    return text, [*note_encoding(encoding, place), *note_replacements(text, place)]


def find_encoding(opener: Opener, declared: str | None = None) -> Encoding:
    """The encoding of all of a file, which is read to its end; raises Unreadable where it is no text."""
    with opener() as file:
        start = file.read(4)
    wide = start.startswith(WIDE_MARKS)
    try:
        scan(opener, "utf-16" if wide else "utf-8", "strict", binary=not wide)
    except UnicodeDecodeError as error:
        if wide:
            raise Unreadable("begins like UTF-16 but is not") from None
        found = guess(opener, error.start, declared)
        scan(opener, found.name, "replace", binary=True)
        return found
    return Encoding("utf-16" if wide else "utf-8-sig")


def scan(opener: Opener, name: str, errors: str, *, binary: bool) -> None:
    """Decode a file and keep nothing; raises Unreadable where it is binary, and UnicodeDecodeError where it begins."""
    decoder = codecs.getincrementaldecoder(name)(errors)
    size = controls = at = 0
    with opener() as file:
        while block := file.read(SLICE):
            if binary and b"\0" in block:
                raise Unreadable(f"holds a NUL byte at offset {at + block.index(0)}, as a binary file does")
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                error.start = at  # the block, which is near enough
                raise
            at += len(block)
            size += len(text)
            controls += len(CONTROL.findall(text))
        decoder.decode(b"", final=True)
    if controls > 1 + size // 1000:
        raise Unreadable("holds control characters, as a binary file does")


def guess(opener: Opener, offset: int, declared: str | None) -> Encoding:
    """The declared encoding where it fits, else the likeliest one for the bytes around an offset."""
    with opener() as file:
        file.seek(max(0, offset - SAMPLE))
        sample = file.read(SAMPLE + SLICE)
    known = known_name(declared) if declared else None
    return Encoding(known) if known else Encoding(guess_name(sample), guessed=True)


def known_name(declared: str) -> str | None:
    """Python's name of a declared encoding; Latin 1 is Windows' superset of it, as browsers have it."""
    if not DECLARED.fullmatch(declared):
        return None
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return None
    return WESTERN if name in ("iso8859-1", "ascii") else name


def guess_name(sample: bytes) -> str:
    """The likeliest encoding, Western where that is possible: in a few bytes, é looks alike in a dozen encodings."""
    matches = from_bytes(sample)
    western = [match for match in matches if match.encoding == WESTERN]
    best = western[0] if western else matches.best()
    if best is None:
        raise Unreadable("is neither UTF-8 nor in any encoding that makes text of it")
    return best.encoding


def open_text(opener: Opener, encoding: Encoding) -> io.TextIOWrapper:
    """A file as text with plain line ends; what the encoding does not know is U+FFFD."""
    return io.TextIOWrapper(opener(), encoding.name, "replace")


def read_slices(opener: Opener, encoding: Encoding) -> Iterator[str]:
    """The text in slices of whole lines; cleaning repairs it, so that every repair is counted."""
    with open_text(opener, encoding) as text:
        while piece := text.read(SLICE):
            rest = "" if piece.endswith("\n") else text.readline(SLICE)
            yield OTHER_ENDS.sub("\n", piece + rest)


def note_encoding(encoding: Encoding, place: str) -> Iterator[Finding]:
    """A finding where the encoding was guessed."""
    if encoding.guessed:
        seen = f"is not UTF-8 and was read as {encoding.name}; save it as UTF-8 if accents or quotes look wrong"
        yield Finding(code="guessed_encoding", place=place, message=seen)


def note_replacements(text: str, place: str, first_line: int = 1) -> Iterator[Finding]:
    """A finding where characters were lost before the file reached us; `first_line` is the number of the first line."""
    first = text.find(REPLACEMENT)
    if first >= 0:
        lost, line = text.count(REPLACEMENT), text.count("\n", 0, first) + first_line
        seen = f"{lost} character(s) were lost in an earlier conversion (U+FFFD); put them back by hand"
        yield Finding(code="replacement_character", place=f"{place}:{line}", message=seen)
