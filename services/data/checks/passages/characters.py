"""Characters that are lost, damaged, invisible or repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftfy.badness import BADNESS_RE

from scriptorium.contracts import Finding
from scriptorium.text.words import SMALL_LETTERS
from services.data.checks.passages.tokenized_passage import QUOTE_CHARS, TokenizedPassage, quote

REPLACEMENT = "\ufffd"
CONTEXT_CHARS = 20  # quoted in front of the fault
LOST_LETTER = re.compile(r"\?(?<=[a-z]\?)[a-z]")  # "don?t"
MIN_LOST_LETTERS = 2  # one may be a typing error: "What?he said"
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
OPENING_QUOTE = re.compile(r"(?<!\w)[«»]")  # »Åh« is right; the « of "NoÃ«l" is behind a letter
HALF_LETTER = re.compile(rf"(?<=[{SMALL_LETTERS}])[ÃÂ]")  # "fÃr": a capital that no word has inside
HALF_SIGN = re.compile(rf"(?<=[{SMALL_LETTERS}]{{3}})[©¨¬¤¦¯´¸]|(?<!\S)¨(?!\S)")  # "perch©", and " ¨ " for " è "
PRIVATE_USE = re.compile(r"[\ue000-\uf8ff\U000f0000-\U0010fffd]")
RULES = tuple(sign * 8 for sign in ".-_=*~#!?+$%&/|<>")


def find_bad_characters(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about characters; the slower checks run only if there are any but ASCII."""
    text = passage.text
    if not text.isascii():
        yield from find_damage(passage)
    invisible = [] if text.replace("\n", "").isprintable() else list(INVISIBLE.finditer(text))
    if invisible:
        names = ", ".join(sorted({f"U+{ord(match.group()):04X}" for match in invisible}))
        yield passage.make_finding("invisible_character", f"{len(invisible)} invisible character(s): {names}")
    lost = list(LOST_LETTER.finditer(text)) if "?" in text else []
    if len(lost) >= MIN_LOST_LETTERS:
        context = quote(text, lost[0].start() - CONTEXT_CHARS)
        yield passage.make_finding("lost_letter", f"{len(lost)} word(s) with a question mark inside: {context}")
    for rule in RULES:
        if rule in text:
            yield passage.make_finding("repeated_character", f"{rule[0]!r} many times in a row")


def find_damage(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about lost characters, mojibake beyond repair, and characters of a private font."""
    text = passage.text
    if lost := text.count(REPLACEMENT):
        context = quote(text, text.index(REPLACEMENT) - CONTEXT_CHARS)
        yield passage.make_finding("replacement_character", f"{lost} character(s) were lost (U+FFFD): {context}")
    plain = OPENING_QUOTE.sub("", text.replace(REPLACEMENT, ""))
    if match := BADNESS_RE.search(plain) or HALF_LETTER.search(plain) or HALF_SIGN.search(plain):
        context = quote(match.string[: match.end() + QUOTE_CHARS], match.start() - CONTEXT_CHARS)
        yield passage.make_finding("mojibake", f"characters were read in the wrong encoding: {context}")
    if private := PRIVATE_USE.findall(text):
        names = ", ".join(sorted({f"U+{ord(character):04X}" for character in private})[:5])
        yield passage.make_finding("private_character", f"{len(private)} character(s) of a private font: {names}")
