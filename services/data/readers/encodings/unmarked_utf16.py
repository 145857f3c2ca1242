"""UTF-16 without a byte order mark: every second byte of its spaces and Latin letters is 0, and no other one is."""

from __future__ import annotations

import unicodedata

ORDERS = {1: "utf-16-le", 0: "utf-16-be"}  # by the place of the zeros in each pair of bytes
MIN_ZEROS = 4  # in a sample; one or two may be a binary file's
WHITE_SPACE = "\t\n\r\f"


def find_byte_order(sample: bytes) -> str | None:
    """Return the encoding of a file by its beginning, of an even size unless it is all; None if it is not UTF-16."""
    if len(sample) % 2:
        return None
    zeros = [sample[place::2].count(0) for place in (0, 1)]
    place = zeros.index(max(zeros))
    if zeros[place] < MIN_ZEROS or zeros[1 - place]:
        return None
    try:
        text = sample.decode(ORDERS[place])
    except UnicodeDecodeError as error:
        if error.end < len(sample):  # not only the last character, cut by the sample's end
            return None
        text = sample[: error.start].decode(ORDERS[place])
    return ORDERS[place] if text and all(map(is_text, text)) else None


def is_text(character: str) -> bool:
    """Return whether a character occurs in text."""
    return character in WHITE_SPACE or unicodedata.category(character) not in ("Cc", "Cn", "Co", "Cs")
