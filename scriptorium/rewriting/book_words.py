"""The words of a book that carry content: its names, and words that are not all over it.

No list of stop words is needed. What is a name depends on the language: in German every noun has a capital.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from scriptorium.text.book_counts import count_book
from scriptorium.text.languages.language import Language
from scriptorium.text.names import keep_names, name_pattern, strip_possessive
from scriptorium.text.words import COMPOUND_WORD

COMMON_SHARE = 0.2  # of the passages: a word in more of them is the book's and says nothing about a passage
MIN_COMMON = 2  # passages, in a short book
MIN_LETTERS = 4  # of a content word
STEM_LENGTH = 5  # letters by which "cabin" and "cabins" are the same word


@dataclass(frozen=True)
class BookWords:
    """The names of a book, one word each, and in how many of its `passages` each lower-case word occurs."""

    names: frozenset[str]
    spread: Mapping[str, int]
    passages: int
    language: Language

    @cached_property
    def lower_names(self) -> frozenset[str]:
        """The names in lower case, as `list_items` has them."""
        return frozenset(name.lower() for name in self.names)

    def is_content(self, word: str) -> bool:
        """Return whether a word that is no name says what a passage is about."""
        common = max(MIN_COMMON, COMMON_SHARE * self.passages)
        return len(word) >= MIN_LETTERS and self.spread.get(word.lower(), 0) <= common

    def list_names(self, text: str) -> list[str]:
        """List the names in a text, each once, in the order in which they come; "Dejah Thoris" is one name."""
        runs = (
            keep_names(capitals, self.names)
            for capitals in name_pattern(self.language).findall(self.language.separate(text))
        )
        return list(dict.fromkeys(run for run in runs if run))

    def list_content(self, text: str) -> list[str]:
        """List the content words of a text that are no names, in their order."""
        words = COMPOUND_WORD.findall(self.language.separate(text))
        return [word for word in words if strip_possessive(word) not in self.names and self.is_content(word)]

    def list_items(self, text: str) -> list[str]:
        """List a text's names, word by word in lower case, and the stems of its content words: each once, in order."""
        items = (self._to_item(word) for word in COMPOUND_WORD.findall(self.language.separate(text)))
        return list(dict.fromkeys(item for item in items if item))

    def _to_item(self, word: str) -> str:
        """Return what a word counts as: itself if it is a name, else its stem; "" if it has no content."""
        name = strip_possessive(word)
        if name in self.names:
            return name.lower()
        return stem(word) if self.is_content(word) else ""


def read_book(texts: Iterable[str], language: Language) -> BookWords:
    """Collect the words of a book in a language from its passages."""
    counts = count_book(texts, language)
    return BookWords(counts.names, counts.passages, counts.texts, language)


def stem(word: str) -> str:
    """Return the first letters of a word, by which its forms are the same."""
    return word.lower()[:STEM_LENGTH]
