"""What may identify living people: e-mail addresses and telephone numbers. Messages show only a part of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import Reading

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+\s?(?:@|\(at\)|\[at\])\s?[\w-]+(?:\.[\w-]+)+", re.IGNORECASE)
PHONE = re.compile(r"(?<![\w.,/$£€-])(?:\+|00)?\(?\d{1,4}\)?(?:[ ./-]\(?\d{2,8}\)?){1,5}(?![\w,/]|\.\d|[ -]\d)")
DIGIT = re.compile(r"\d")
DIGITS = range(8, 16)  # of a telephone number, area code included
YEARS = re.compile(r"^(?:1[0-9]|20)\d\d\W+(?:1[0-9]|20)\d\d$")  # 1861-1865
DATE = re.compile(r"^\d{1,4}([./-])\d{1,2}\1\d{1,4}$")  # 12.03.1912


def find_private(reading: Reading) -> Iterator[Finding]:
    """Findings about e-mail addresses and telephone numbers."""
    text = reading.text
    if any(sign in text for sign in ("@", "(at)", "[at]")) and (found := EMAIL.findall(text)):
        yield reading.finding("email_address", f"{len(found)} e-mail address(es), first {mask(found[0])}")
    some = len(DIGIT.findall(text)) >= DIGITS.start
    numbers = [match.group() for match in PHONE.finditer(text) if is_phone(match.group())] if some else []
    if numbers:
        yield reading.finding("phone_number", f"{len(numbers)} telephone number(s), first {mask(numbers[0])}")


def is_phone(text: str) -> bool:
    """Whether digits are as many as telephones have, and neither years nor a date."""
    digits = sum(character.isdigit() for character in text)
    return digits in DIGITS and not YEARS.match(text) and not DATE.match(text)


def mask(text: str) -> str:
    """The beginning, enough to find it by."""
    return repr(text[:3] + "…")
