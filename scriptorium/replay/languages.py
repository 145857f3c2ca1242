"""The language of a text, told by the small words of the bank, and the languages in which a base is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

from scriptorium.instructions.counting import list_words
from scriptorium.replay.bank import list_languages, read_bank
from scriptorium.sampling import spread

ENGLISH = "en"
MIN_WORDS = 6  # fewer may belong to several languages
MIN_SMALL_SHARE = 0.15  # of the words; prose has 0.3 to 0.5, and lists have fewer
MIN_SMALL_WORDS = 3  # one or two may be names, or what an apostrophe leaves
SAMPLED_PASSAGES = 25  # of a book, to detect its language
MAX_SECOND = 0.8  # of the first language's small words: Spanish and Italian share a third of theirs


def detect_language(text: str) -> str | None:
    """Return the code of the language with the most small words in a text.

    None if the text is too short, has few small words of any language, or two languages have about equally many.
    """
    words = [word.casefold() for word in list_words(text.replace("'", " ").replace("’", " "))]
    if len(words) < MIN_WORDS:
        return None
    counts = {language: sum(word in _small_words(language) for word in words) for language in list_languages()}
    first, second = sorted(counts, key=lambda language: counts[language], reverse=True)[:2]
    if (
        counts[first] < max(MIN_SMALL_WORDS, MIN_SMALL_SHARE * len(words))
        or counts[second] > MAX_SECOND * counts[first]
    ):
        return None
    return first


def detect_main_language(passages: Sequence[str]) -> str | None:
    """Return the language of most of a sample of a book's passages; None if most are in no known one."""
    languages = Counter(detect_language(passage) for passage in spread(passages, SAMPLED_PASSAGES))
    return languages.most_common(1)[0][0] if languages else None


def choose_languages(book_language: str | None) -> tuple[str, ...]:
    """Choose the languages of the requests, in equal parts: the book's (name or code) if the bank has it, and English.

    A base that cannot answer in the book's language has those answers refused.
    """
    wanted = (book_language or "").casefold()
    known = [code for code in list_languages() if wanted in (code, read_bank(code).name.casefold())]
    return tuple(dict.fromkeys((*known, ENGLISH)))


@cache
def _small_words(language: str) -> frozenset[str]:
    """Return the small words of a language."""
    return frozenset(read_bank(language).small_words.split())
