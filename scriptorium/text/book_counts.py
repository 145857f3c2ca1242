"""What is counted in a book in one pass: its words, where they have a capital, and in how many passages they are.

The names follow: words that are capitalised inside sentences and seldom lower-case. In a language that capitalises
every noun, a name has several places and hardly ever a determiner or an adjective before it: an adjective is a
lower-case word that often stands between the two, as in "den alten Turm".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.names import PRONOUN, mid_sentence_capital, strip_possessive
from scriptorium.text.word_spans import part_words
from scriptorium.text.words import COMPOUND_WORD

MIN_NAME_USES, MAX_DETERMINED = 3, 0.2  # in a book that capitalises nouns; of the uses of a name, behind a determiner
ADJECTIVE_SHARE = 0.2  # of a lower-case word's uses: between a determiner and a capital


@dataclass
class BookCounts:
    """The counts of a book's words, as they are written; `texts` is the number of its passages.

    `capitalised` counts the places with a capital inside sentences, `determined` those behind a determiner, `passages`
    the passages with a word, which is in lower case there. If nouns have capitals, `followed` counts them behind each
    lower-case word, and `inside` the lower-case words between a determiner and one of them.
    """

    language: Language
    words: Counter[str] = field(default_factory=Counter)
    capitalised: Counter[str] = field(default_factory=Counter)
    determined: Counter[str] = field(default_factory=Counter)
    passages: Counter[str] = field(default_factory=Counter)
    followed: Counter[tuple[str, str]] = field(default_factory=Counter)
    inside: Counter[str] = field(default_factory=Counter)
    texts: int = 0

    @cached_property
    def names(self) -> frozenset[str]:
        """The names, one word each; abbreviations of titles are none."""
        candidates: Counter[str] = Counter()
        for word, number in self.capitalised.items():
            candidates[strip_possessive(word)] += number
        frequent = (word for word, number in candidates.items() if number > self.words[word.lower()])
        names = frozenset(word for word in frequent if not PRONOUN.match(word)) - self.language.title_abbreviations
        return frozenset(filter(self._is_named, names)) if self.language.capitals == "nouns" else names

    @cached_property
    def nouns(self) -> frozenset[str]:
        """The words that are capitalised and no names, in a language that capitalises every noun; else none."""
        if self.language.capitals != "nouns":
            return frozenset()
        return frozenset(word for word, number in self.words.items() if number > self.words[word.lower()]) - self.names

    @cached_property
    def described(self) -> Counter[str]:
        """The places of each word behind a determiner or an adjective."""
        described = Counter(self.determined)
        for (before, word), number in self.followed.items():
            if self.inside[before] >= ADJECTIVE_SHARE * self.words[before]:
                described[word] += number
        return described

    def _is_named(self, word: str) -> bool:
        """Return whether a capitalised word is a name: what is named in a single place could be any noun."""
        language = self.language
        if word.lower() in language.personal_pronouns or word.endswith(language.noun_endings):
            return False
        return self.words[word] >= MIN_NAME_USES and self.described[word] <= MAX_DETERMINED * self.words[word]


def count_book(texts: Iterable[str], language: Language = ENGLISH) -> BookCounts:
    """Count the words of a book; `texts` are its passages."""
    determiners = language.determiners | {word.capitalize() for word in language.determiners if language != ENGLISH}
    pattern, counts = mid_sentence_capital(language), BookCounts(language)
    for text in map(language.separate, texts):
        words = COMPOUND_WORD.findall(part_words(text))
        counts.texts += 1
        counts.words.update(words)
        counts.capitalised.update(pattern.findall(text))
        counts.determined.update(word for before, word in pairwise(words) if before in determiners)
        counts.passages.update({word.lower() for word in set(words)})
        if language.capitals == "nouns":
            triples = [
                (before, word, after)
                for before, word, after in zip(["", *words], words, words[1:], strict=False)
                if word.islower() and word not in determiners and after[0].isupper()
            ]
            counts.followed.update((word, after) for _, word, after in triples)
            counts.inside.update(word for before, word, _ in triples if before in determiners)
    return counts
