"""The order of chapter files: numbers by value, and where most names have a number in words or Roman, by that.

`Chapter Two` comes behind `Chapter One`, `IX` behind `VIII`, a prologue first, an epilogue last, in every language.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from scriptorium.text.digits import read_digits
from scriptorium.text.languages.heading_words import alternatives
from services.data.cleaning.evidence.heading_words import LANGUAGES, ROMAN, SPELLED, read_value

SEPARATORS = re.compile(r"[_\-. ]+")
OPENING = re.compile(
    rf"^{alternatives(tuple(phrase for words in LANGUAGES for phrase in words.opening))}(?!\w)", re.IGNORECASE
)
CLOSING = re.compile(
    rf"^{alternatives(tuple(phrase for words in LANGUAGES for phrase in words.closing))}(?!\w)", re.IGNORECASE
)
CHAPTER = alternatives(tuple(phrase for words in LANGUAGES for phrase in words.chapter))
NUMBERED = re.compile(
    rf"^(?:(?P<before>{SPELLED})\s+{CHAPTER}|(?:{CHAPTER}\s+)?(?P<number>{ROMAN}|{SPELLED}))(?!\w)", re.IGNORECASE
)


def name_by_story(names: Sequence[str]) -> dict[str, str]:
    """Return other names, which sort as the story goes, of files whose own have words; of those alone.

    Words decide among the files of one type in a folder if each has a place, no two the same, and digits do not do.
    """
    groups: dict[tuple[PurePosixPath, str], list[str]] = defaultdict(list)
    for name in names:
        path = PurePosixPath(name)
        groups[path.parent, path.suffix.lower()].append(name)
    return {name: other for group in groups.values() for name, other in rename_group(group)}


def rename_group(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the names of one folder, and others that sort as the story goes."""
    places = [place_name(name) for name in names]
    digits = all(place and any(map(str.isdigit, name)) for name, place in zip(names, places, strict=True))
    if len(names) == 1 or digits or None in places or len(set(places)) < len(places):
        return
    for name, place in zip(names, filter(None, places), strict=True):
        yield name, PurePosixPath(name).with_name(f"{place[0]} {place[1]}").as_posix()


def place_name(name: str) -> tuple[int, int] | None:
    """Return whether a name comes before, in or behind the chapters (0, 1, 2), and its number."""
    words = SEPARATORS.sub(" ", PurePosixPath(name).stem).strip()
    if OPENING.match(words):
        return 0, 0
    if CLOSING.match(words):
        return 2, 0
    if number := NUMBERED.match(words):
        return 1, read_value(number["before"] or number["number"])
    digits = re.match(rf"^(?:{CHAPTER}\s*)?(\d+)(?!\w)", words, re.IGNORECASE)
    return (1, read_digits(digits[1])) if digits else None
