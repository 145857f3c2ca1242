"""A passage with its words, lines and sentences, which several checks need and which are computed once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from scriptorium.contracts import Finding
from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.sentences import split_roughly
from scriptorium.text.word_spans import part_words
from scriptorium.text.words import ALPHANUMERIC_WORD
from services.data.checks.codes import make_finding
from services.data.passage import Passage

QUOTE_CHARS = 60  # characters of a quotation in a finding


@dataclass(frozen=True)
class TokenizedPassage:
    """A passage with its words, lines and sentences; each is computed when it is first read."""

    source: Passage
    language: Language = ENGLISH

    @cached_property
    def text(self) -> str:
        """The text itself."""
        return self.source.text

    @cached_property
    def lower(self) -> str:
        """The text in lower case."""
        return self.text.lower()

    @cached_property
    def words(self) -> list[str]:
        """Runs of letters and digits, in lower case: "don't" is two, and a script without spaces is parted."""
        return ALPHANUMERIC_WORD.findall(part_words(self.lower))

    @cached_property
    def counts(self) -> Counter[str]:
        """The number of times that each word occurs."""
        return Counter(self.words)

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank; a paragraph of prose is one."""
        return [line for line in self.text.split("\n") if line.strip()]

    @cached_property
    def sentences(self) -> list[str]:
        """Rough sentences in lower case: "Mr." ends one, which is good enough to count repetitions."""
        return split_roughly(self.lower)

    def make_finding(self, code: str, message: str) -> Finding:
        """Make a finding about this passage."""
        return make_finding(code, self.source.place, message)


def quote(text: str, start: int = 0) -> str:
    """Quote the text from `start` on one line, at most QUOTE_CHARS of it."""
    return repr(" ".join(text[max(0, start) : max(0, start) + QUOTE_CHARS].split()))
