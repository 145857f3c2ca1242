"""Numbers that a file states in digits, of which it may have any number: Python refuses more than some thousands."""

from __future__ import annotations

MAX_DIGITS = 18  # no number of a book has more


def read_digits(digits: str) -> int:
    """Return the value of decimal digits of any script, at most 10 ** MAX_DIGITS.

    >>> read_digits("042"), read_digits("٣"), read_digits("9" * 5000) == 10**18
    (42, 3, True)
    """
    return int(digits) if len(digits) <= MAX_DIGITS else 10**MAX_DIGITS
