"""A passage as the gates read it: what several of them need is worked out once."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from scriptorium.contracts import Finding
from services.data.checks.codes import finding
from services.data.passage import Passage
from services.data.splits.near_duplicates import WORD

SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)]*\s+|\n+")
QUOTED = 60  # characters of what was seen


@dataclass(frozen=True)
class Reading:
    """A passage with its words, lines and sentences."""

    passage: Passage

    @cached_property
    def text(self) -> str:
        """The text itself."""
        return self.passage.text

    @cached_property
    def lower(self) -> str:
        """The text in small letters."""
        return self.text.lower()

    @cached_property
    def words(self) -> list[str]:
        """Letters and digits in a row, in small letters: "don't" is two."""
        return WORD.findall(self.lower)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each word is there."""
        return Counter(self.words)

    @cached_property
    def lines(self) -> list[str]:
        """Lines with something on them; a paragraph of prose is one."""
        return [line for line in self.text.split("\n") if line.strip()]

    @cached_property
    def sentences(self) -> list[str]:
        """Sentences in small letters, roughly: "Mr." ends one, which does for counting what is alike."""
        return SENTENCE_END.split(self.lower)

    def finding(self, code: str, message: str) -> Finding:
        """A finding about this passage."""
        return finding(code, self.passage.place, message)


def quote(seen: str, start: int = 0) -> str:
    """What was seen, in quotes, on one line and not too long."""
    return repr(" ".join(seen[max(0, start) : max(0, start) + QUOTED].split()))
