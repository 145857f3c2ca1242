"""The language of a book: the one that the recipe names, or else that of a sample of its passages."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts import Finding
from scriptorium.recipe import AUTO
from scriptorium.text.languages.language import Language, read_language
from services.data.passage import Passage, detect_passage_language


def choose_language(code: str, passages: Sequence[Passage]) -> Language:
    """Return the language with a code; with "auto" that of the passages, which is UNKNOWN if they show none."""
    return detect_passage_language(passages) if code == AUTO else read_language(code)


def note_language(language: Language, place: str) -> list[Finding]:
    """Return a finding if the language is not of the first class, so that words go by Unicode's rules alone."""
    if language.brief:
        return []
    message = f"is in {language.name}: words are cut by Unicode's rules, and briefs are in English"
    return [Finding(code="language_fallback", place=place, message=message)]
