"""Findings about several books in one manuscript: which they are, and folders that may be different voices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scriptorium.contracts import Finding
from services.data.books.tell_books import SeparateBook

SHOWN_NAMES = 12


def note_books(books: Sequence[SeparateBook], filename: str) -> Iterator[Finding]:
    """Yield a finding with the books if there are several, and one if folders keep some of them apart."""
    if not books:
        return
    names = list_names([book.name for book in books])
    yield Finding(code="several_books", place=filename, message=f"has {len(books)} books: {names}")
    shelves = list(dict.fromkeys(book.shelf for book in books if book.shelf))
    if shelves:
        message = f"keeps its books in {len(shelves)} folder(s): {list_names(shelves)}; all of them train as one voice"
        yield Finding(code="several_voices", place=filename, message=message)


def list_names(names: Sequence[str]) -> str:
    """List the first few names, and how many more there are."""
    more = len(names) - SHOWN_NAMES
    return ", ".join([*names[:SHOWN_NAMES], *([f"and {more:,} more"] if more > 0 else [])])
