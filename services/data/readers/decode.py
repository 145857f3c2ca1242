"""Decoding: UTF-8 first, then the encoding that the file declares, else the most likely one.

A guess is told with a line to look at, and a byte that is not UTF-8 with its line. Text that was decoded wrongly before
it reached us is repaired later (services/data/cleaning/mojibake.py). A long text is decoded slice by slice.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from charset_normalizer import from_bytes

from scriptorium.contracts import Finding
from scriptorium.text.odd_characters import NOT_ASCII
from services.data.readers.encodings.damaged_utf8 import SLICE_SIZE, BadBytes, find_bad_bytes
from services.data.readers.encodings.unmarked_utf16 import find_byte_order
from services.data.readers.encodings.western import MAC_RELATIVES, WESTERN, WINDOWS, choose_western, fits_better

UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
REPLACEMENT = "\ufffd"
CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
NOT_BLANK = re.compile(r"\S")
OTHER_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85]")
SAMPLE_BYTES = 1 << 18  # by which an encoding is guessed
MAX_EXAMPLE = 80  # characters of a line that shows a guess
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
    """An encoding by Python's name, whether it had to be guessed, and the bytes that are no text in it, if any."""

    name: str
    guessed: bool = False
    bad_bytes: BadBytes | None = None
    example: str = ""  # of a guess: a line that it decides about


def decode(raw: bytes, place: str, declared: str | None = None) -> tuple[str, list[Finding]]:
    """Return the text with plain line ends, and the findings about it; raises Unreadable."""
    encoding = find_encoding(lambda: io.BytesIO(raw), declared)
    text = OTHER_LINE_ENDS.sub("\n", raw.decode(encoding.name, "replace"))
    return text, [*note_encoding(encoding, place), *note_replacements(text, place)]


def find_encoding(opener: Opener, declared: str | None = None) -> Encoding:
    """Return the encoding of a file, which is read to its end; raises Unreadable if it is not text."""
    with opener() as file:
        start = file.read(SAMPLE_BYTES)
    if start.startswith(UTF16_MARKS):
        return check_utf16(opener, "utf-16", "begins like UTF-16 but is not")
    if order := find_byte_order(start):
        return show_guess(opener, check_utf16(opener, order, "looks like UTF-16 but is not to its end"))
    try:
        check_decodable(opener, "utf-8", "strict", binary=True)
    except UnicodeDecodeError as error:
        bad_bytes = find_bad_bytes(opener)
        damaged = Encoding("utf-8-sig", bad_bytes=bad_bytes)
        encoding = damaged if bad_bytes.are_exceptions else guess_encoding(opener, error.start, declared)
        check_decodable(opener, encoding.name, "replace", binary=True)
        return show_guess(opener, encoding)
    return Encoding("utf-8-sig")


def check_utf16(opener: Opener, name: str, refusal: str) -> Encoding:
    """Return the encoding of a file of UTF-16, guessed if it has no mark; raises Unreadable if it is something else."""
    try:
        check_decodable(opener, name, "strict", binary=False)
    except UnicodeDecodeError:
        raise Unreadable(refusal) from None
    return Encoding(name, guessed=name != "utf-16")


def show_guess(opener: Opener, encoding: Encoding) -> Encoding:
    """Return a guessed encoding with the first line that it decides about, or with the first line if it is UTF-16."""
    if not encoding.guessed:
        return encoding
    every_line = encoding.name.startswith("utf")
    with open_text(opener, encoding) as lines:
        for number, line in enumerate(iter(lambda: lines.readline(SLICE_SIZE), ""), start=1):
            if match := NOT_ASCII.search(line) or (every_line and NOT_BLANK.search(line)):
                start = max(0, match.start() - MAX_EXAMPLE // 2)
                return replace(encoding, example=f"line {number:,}: {line[start : start + MAX_EXAMPLE].strip()!r}")
    return encoding


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
    return WINDOWS if name in ("iso8859-1", "ascii") else name


def guess_codec(sample: bytes) -> str:
    """Return the most likely encoding, Western if possible: in a few bytes, é is the same in a dozen encodings."""
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        raise Unreadable("is neither UTF-8 nor text in any other encoding")
    western = choose_western(sample)
    usual = best.encoding in MAC_RELATIVES or any(match.encoding in WESTERN for match in matches)
    return western if usual or fits_better(sample, western, best.encoding) else best.encoding


def open_text(opener: Opener, encoding: Encoding) -> io.TextIOWrapper:
    """Open a file as text with plain line ends; bytes that the encoding does not know become U+FFFD."""
    return io.TextIOWrapper(opener(), encoding.name, "replace")


def read_slices(opener: Opener, encoding: Encoding) -> Iterator[str]:
    """Yield the text in slices of complete lines; cleaning repairs it, so that every repair is counted."""
    with open_text(opener, encoding) as text:
        while piece := text.read(SLICE_SIZE):
            rest = "" if piece.endswith("\n") else text.readline(SLICE_SIZE)
            yield OTHER_LINE_ENDS.sub("\n", piece + rest)


def mend_characters(text: str) -> str:
    """Return a text with one character for each pair of halves; a lone half and a control character become U+FFFD."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return CONTROL_CHARACTER.sub(REPLACEMENT, whole)


def note_encoding(encoding: Encoding, place: str) -> Iterator[Finding]:
    """Yield a finding if the encoding was guessed, with an example, or if bytes are no text in it."""
    if encoding.guessed:
        example = f" ({encoding.example})" if encoding.example else ""
        message = (
            f"is not UTF-8 and was read as {encoding.name}{example}; save it as UTF-8 if accents or quotes look wrong"
        )
        yield Finding(code="guessed_encoding", place=place, message=message)
    if encoding.bad_bytes:
        line = encoding.bad_bytes.first[0][0]
        message = f"{encoding.bad_bytes.count:,} byte(s) are not UTF-8, as the rest is: {encoding.bad_bytes}"
        yield Finding(code="invalid_byte", place=f"{place}:{line}", message=message)


def note_replacements(text: str, place: str, first_line: int = 1) -> Iterator[Finding]:
    """Yield a finding if characters are U+FFFD; `first_line` is the number of the first line."""
    first = text.find(REPLACEMENT)
    if first >= 0:
        count, line = text.count(REPLACEMENT), text.count("\n", 0, first) + first_line
        message = f"{count} character(s) are U+FFFD: lost in an earlier conversion, or no text; restore them by hand"
        yield Finding(code="replacement_character", place=f"{place}:{line}", message=message)
