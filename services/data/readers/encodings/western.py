"""The encodings of Western text with one byte a character: every byte is a character in each, so context decides."""

from __future__ import annotations

from scriptorium.text.odd_characters import count_odd_characters

WINDOWS = "cp1252"
WESTERN = (WINDOWS, "mac_roman")  # the first one that fits best, as Windows wrote most of such files
MAC_RELATIVES = ("mac_roman", "mac_iceland", "mac_turkish", "mac_croatian", "mac_romanian", "mac_latin2")


def choose_western(sample: bytes) -> str:
    """Return the encoding in which the fewest characters stand where no writer puts them.

    The same byte is an apostrophe in Mac Roman and Õ in Windows', and the other way round ’ and í.
    """
    return min(WESTERN, key=lambda name: count_odd_in(sample, name))


def fits_better(sample: bytes, name: str, other: str) -> bool:
    """Return whether a sample in an encoding has fewer characters where no writer puts them than in another."""
    return count_odd_in(sample, name) < count_odd_in(sample, other)


def count_odd_in(sample: bytes, name: str) -> int:
    """Count the characters of a sample, read in an encoding, that stand where no writer puts them."""
    return count_odd_characters(sample.decode(name, "replace"))
