"""The languages in which a base is asked, and the one in which it answers."""

from __future__ import annotations

from scriptorium.replay.bank import list_languages, read_bank
from scriptorium.text.languages import detect

ENGLISH = "en"


def detect_language(text: str) -> str | None:
    """Return the code of the language of the bank that a text is in; None if it is none of them, or not clear."""
    return detect.detect_language(text, among=list_languages())


def choose_languages(book_language: str | None) -> tuple[str, ...]:
    """Choose the languages of the requests, in equal parts: the book's (name or code) if the bank has it, and English.

    A base that cannot answer in the book's language has those answers refused.
    """
    wanted = (book_language or "").casefold()
    known = [code for code in list_languages() if wanted in (code, read_bank(code).name.casefold())]
    return tuple(dict.fromkeys((*known, ENGLISH)))
