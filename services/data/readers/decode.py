"""Decoding: UTF-8 first, then the encoding that the file declares, else the most likely one.

Text that was decoded wrongly before it reached us is repaired later (services/data/cleaning/mojibake.py). A long text
is decoded slice by slice.
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
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
REPLACEMENT = "\ufffd"
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
OTHER_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
SLICE_SIZE = 1 << 18  # characters that are decoded at once
SAMPLE_BYTES = 1 << 18  # by which an encoding is guessed
KNOWN_ENCODING = re.compile(  # encodings that a file may declare; any other declaration is ignored
    r"(?:us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]|macintosh|mac-?roman"
    r"|shift[_-]?jis|euc-(?:jp|kr)|gb2312|gbk|gb18030|big5)",
    re.IGNORECASE,
)

Opener = Callable[[], BinaryIO]


class Unreadable(ValueError):
    """A file that cannot be read; the message is the end of a sentence that begins with the file's name."""


@dataclass(frozen=True)
class Encoding:
    """An encoding by Python's name, and whether it had to be guessed."""

    name: str
    guessed: bool = False


def decode(raw: bytes, place: str, declared: str | None = None) -> tuple[str, list[Finding]]:
    """Return the text with plain line ends, and the findings about it; raises Unreadable."""
    encoding = find_encoding(lambda: io.BytesIO(raw), declared)
    text = OTHER_LINE_ENDS.sub("\n", raw.decode(encoding.name, "replace"))
    return text, [*note_encoding(encoding, place), *note_replacements(text, place)]


def find_encoding(opener: Opener, declared: str | None = None) -> Encoding:
    """Return the encoding of a file, which is read to its end; raises Unreadable if it is not text."""
    with opener() as file:
        start = file.read(4)
    wide = start.startswith(UTF16_MARKS)
    try:
        check_decodable(opener, "utf-16" if wide else "utf-8", "strict", binary=not wide)
    except UnicodeDecodeError as error:
        if wide:
            raise Unreadable("begins like UTF-16 but is not") from None
        encoding = guess_encoding(opener, error.start, declared)
        check_decodable(opener, encoding.name, "replace", binary=True)
        return encoding
    return Encoding("utf-16" if wide else "utf-8-sig")


def check_decodable(opener: Opener, name: str, errors: str, *, binary: bool) -> None:
    """Decode a file and keep nothing; raises Unreadable if it is binary, UnicodeDecodeError if the codec is wrong."""
    decoder = codecs.getincrementaldecoder(name)(errors)
    size = controls = offset = 0
    with opener() as file:
        while block := file.read(SLICE_SIZE):
            if binary and b"\0" in block:
                raise Unreadable(f"contains a NUL byte at offset {offset + block.index(0)}, as a binary file does")
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                error.start = offset  # of the block, which is near enough
                raise
            offset += len(block)
            size += len(text)
            controls += len(CONTROL_CHARACTER.findall(text))
        decoder.decode(b"", final=True)
    if controls > 1 + size // 1000:
        raise Unreadable("contains control characters, as a binary file does")


def guess_encoding(opener: Opener, offset: int, declared: str | None) -> Encoding:
    """Return the declared encoding if it is known, else the most likely one for the bytes around an offset."""
    with opener() as file:
        file.seek(max(0, offset - SAMPLE_BYTES))
        sample = file.read(SAMPLE_BYTES + SLICE_SIZE)
    codec = find_codec(declared) if declared else None
    return Encoding(codec) if codec else Encoding(guess_codec(sample), guessed=True)


def find_codec(declared: str) -> str | None:
    """Return Python's name of a declared encoding; Latin 1 means Windows' superset of it, as in browsers."""
    if not KNOWN_ENCODING.fullmatch(declared):
        return None
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        return None
    return WESTERN if name in ("iso8859-1", "ascii") else name


def guess_codec(sample: bytes) -> str:
    """Return the most likely encoding, Western if possible: in a few bytes, é is the same in a dozen encodings."""
    matches = from_bytes(sample)
    western = [match for match in matches if match.encoding == WESTERN]
    best = western[0] if western else matches.best()
    if best is None:
        raise Unreadable("is neither UTF-8 nor text in any other encoding")
    return best.encoding


def open_text(opener: Opener, encoding: Encoding) -> io.TextIOWrapper:
    """Open a file as text with plain line ends; bytes that the encoding does not know become U+FFFD."""
    return io.TextIOWrapper(opener(), encoding.name, "replace")


def read_slices(opener: Opener, encoding: Encoding) -> Iterator[str]:
    """Yield the text in slices of complete lines; cleaning repairs it, so that every repair is counted."""
    with open_text(opener, encoding) as text:
        while piece := text.read(SLICE_SIZE):
            rest = "" if piece.endswith("\n") else text.readline(SLICE_SIZE)
            yield OTHER_LINE_ENDS.sub("\n", piece + rest)


def note_encoding(encoding: Encoding, place: str) -> Iterator[Finding]:
    """Yield a finding if the encoding was guessed."""
    if encoding.guessed:
        message = f"is not UTF-8 and was read as {encoding.name}; save it as UTF-8 if accents or quotes look wrong"
        yield Finding(code="guessed_encoding", place=place, message=message)


def note_replacements(text: str, place: str, first_line: int = 1) -> Iterator[Finding]:
    """Yield a finding if characters were lost before the file reached us; `first_line` is the first line's number."""
    first = text.find(REPLACEMENT)
    if first >= 0:
        count, line = text.count(REPLACEMENT), text.count("\n", 0, first) + first_line
        message = f"{count} character(s) were lost in an earlier conversion (U+FFFD); restore them by hand"
        yield Finding(code="replacement_character", place=f"{place}:{line}", message=message)
