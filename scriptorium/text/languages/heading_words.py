"""The words of a language in headings, and around a story: a field of Language, so that no code knows a language."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _split_words(value: object) -> object:
    """Split a string at white space."""
    return tuple(value.split()) if isinstance(value, str) else value


def _split_phrases(value: object) -> object:
    """Split a string at commas, as phrases have spaces."""
    return tuple(phrase.strip() for phrase in value.split(",")) if isinstance(value, str) else value


def _list_entries(value: object) -> object:
    """Return the entries of a mapping, as a language is hashed."""
    return tuple(value.items()) if isinstance(value, dict) else value


NumberWords = Annotated[tuple[str, ...], BeforeValidator(_split_words)]
Phrases = Annotated[tuple[str, ...], BeforeValidator(_split_phrases)]


class HeadingWords(BaseModel):
    """Words in lower case with straight apostrophes.

    `chapter` are words beside a number ("Chapter 1", "Erstes Kapitel"), with an `article` perhaps; `numbers` its words,
    by value, joined by `joiners` ("dreiundzwanzig"). Scripts without spaces write `prefix`, a number and one of
    `counters`. Sections without a number come before the chapters (`opening`), behind (`closing`) or between (`named`).
    `story_end`, `contents` and `matter` are whole lines, and so is what `matter_pattern` fits; the pattern `notice`
    fits what only an imprint says, `by` stands before an author's name, and the pattern `transcriber` begins a
    transcriber's note.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    chapter: Phrases = ()
    article: Phrases = ()
    numbers: Annotated[tuple[tuple[int, NumberWords], ...], BeforeValidator(_list_entries)] = ()
    joiners: NumberWords = ()
    prefix: str = ""
    counters: NumberWords = ()
    opening: Phrases = ()
    closing: Phrases = ()
    named: Phrases = ()
    story_end: Phrases = ()
    contents: Phrases = ()
    matter: Phrases = ()
    matter_pattern: str = ""
    notice: str = ""
    by: Phrases = ()
    transcriber: str = ""

    def values(self) -> dict[str, int]:
        """Return the value of each word of a number."""
        return {word: value for value, words in self.numbers for word in words}


def alternatives(phrases: tuple[str, ...]) -> str:
    """Return a pattern of phrases, the longest first; an apostrophe is straight or curved. Never fits without any."""
    ordered = sorted(phrases, key=len, reverse=True)
    escaped = "|".join(re.escape(phrase).replace("’", "'").replace("'", "['’]") for phrase in ordered)
    return f"(?:{escaped})" if phrases else "(?!)"
