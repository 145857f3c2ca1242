"""Characters that were lost, damaged, invisible or typed by a machine."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftfy.badness import BADNESS_RE

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import QUOTED, Reading, quote

REPLACEMENT = "\ufffd"
BEFORE = 20  # characters shown in front of what was seen
LOST = re.compile(r"\?(?<=[a-z]\?)[a-z]")  # "don?t"
FEWEST_LOST = 2  # one may be a typing error: "What?he said"
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
PRIVATE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010fffd]")
RULES = tuple(sign * 8 for sign in ".-_=*~#!?+$%&/|<>")


def find_characters(reading: Reading) -> Iterator[Finding]:
    """Findings about single characters; the costlier checks only where there are any but ASCII."""
    text = reading.text
    if not text.isascii():
        yield from find_damage(reading)
    invisible = [] if text.replace("\n", "").isprintable() else list(INVISIBLE.finditer(text))
    if invisible:
        names = ", ".join(sorted({f"U+{ord(match.group()):04X}" for match in invisible}))
        yield reading.finding("invisible_character", f"{len(invisible)} invisible character(s): {names}")
    lost = list(LOST.finditer(text)) if "?" in text else []
    if len(lost) >= FEWEST_LOST:
        seen = quote(text, lost[0].start() - BEFORE)
        yield reading.finding("lost_letter", f"{len(lost)} word(s) with a question mark inside: {seen}")
    for rule in RULES:
        if rule in text:
            yield reading.finding("repeated_character", f"{rule[0]!r} many times in a row")


def find_damage(reading: Reading) -> Iterator[Finding]:
    """Lost characters, mojibake that could not be repaired, and a font's own characters."""
    text = reading.text
    if lost := text.count(REPLACEMENT):
        seen = quote(text, text.index(REPLACEMENT) - BEFORE)
        yield reading.finding("replacement_character", f"{lost} character(s) were lost (U+FFFD): {seen}")
    if match := BADNESS_RE.search(text.replace(REPLACEMENT, "")):
        seen = quote(match.string[: match.end() + QUOTED], match.start() - BEFORE)
        yield reading.finding("mojibake", f"characters were read in a wrong encoding: {seen}")
    if private := PRIVATE.findall(text):
        names = ", ".join(sorted({f"U+{ord(character):04X}" for character in private})[:5])
        yield reading.finding("private_character", f"{len(private)} character(s) of a private font: {names}")
