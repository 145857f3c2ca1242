"""Personal data (PII): e-mail addresses and telephone numbers. Findings quote only their beginnings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
PHONE = re.compile(r"(?<![\w.,/$£€-])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]\(?\d{2,8}\)?){1,5}(?![\w,/]|\.\d|[ -]\d)")
DIGIT = re.compile(r"\d")
DIGITS = range(8, 16)  # of a telephone number, area code included
YEARS = re.compile(r"^(?:1[0-9]|20)\d\d\W+(?:1[0-9]|20)\d\d$")  # 1861-1865
DATE = re.compile(r"^\d{1,4}([./-])\d{1,2}\1\d{1,4}$")  # 12.03.1912


def find_personal_data(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about e-mail addresses and telephone numbers."""
    text = passage.text
    if any(sign in text for sign in ("@", "(at)", "[at]")) and (addresses := EMAIL.findall(text)):
        yield passage.make_finding("email_address", f"{len(addresses)} e-mail address(es), first {mask(addresses[0])}")
    enough_digits = len(DIGIT.findall(text)) >= DIGITS.start
    numbers = [match.group() for match in PHONE.finditer(text) if is_phone(match.group())] if enough_digits else []
    if numbers:
        yield passage.make_finding("phone_number", f"{len(numbers)} telephone number(s), first {mask(numbers[0])}")


def is_phone(text: str) -> bool:
    """Return whether a match has as many digits as a telephone number and is neither years nor a date."""
    digits = sum(character.isdigit() for character in text)
    return digits in DIGITS and not YEARS.match(text) and not DATE.match(text)


def mask(text: str) -> str:
    """Quote the beginning, which is enough to find it."""
    return repr(text[:3] + "…")
