"""What is there more than once: passages, paragraphs, lines, words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import sqrt

from scriptorium.contracts import Finding
from services.data.checks.codes import finding
from services.data.checks.tokenized_passage import Reading, quote
from services.data.passage import Passage
from services.data.splits.near_duplicates import Pair

LONG_PARAGRAPH = 30  # words; shorter ones may be letters' endings or refrains
OFTEN = 5
FEWEST_WORDS_OF_LINE = 4
FEWEST_WORDS = 200
VARIETY = 6.0  # different words by the root of all words (Guiraud 1954); prose of 700 words and more has over 8
VOCABULARY = 10.0  # the same of a whole manuscript, which grows with it
LONG_MANUSCRIPT = 10_000  # words


def find_repetition(reading: Reading) -> Iterator[Finding]:
    """Findings about one passage that repeats itself."""
    sentences = Counter(reading.sentences)
    for sentence, count in sentences.most_common(1):
        if count >= OFTEN and sentence.count(" ") >= FEWEST_WORDS_OF_LINE - 1:
            yield reading.finding("line_repeated", f"{count} times {quote(sentence)}")
    words = len(reading.words)
    if words >= FEWEST_WORDS and len(reading.counts) < VARIETY * sqrt(words):
        yield reading.finding("low_variety", f"only {len(reading.counts)} different words in {words:,}")


def find_near_duplicates(passages: Sequence[Passage], pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Each passage that is much like an earlier one, with the one it is most like."""
    closest: dict[int, Pair] = {}
    for pair in pairs:
        if pair.second not in closest or pair.shared > closest[pair.second].shared:
            closest[pair.second] = pair
    for index, pair in sorted(closest.items()):
        message = f"shares {pair.shared:.0%} of its wording with {passages[pair.first].place}"
        yield finding("near_duplicate", passages[index].place, message)


class Paragraphs:
    """Where each long paragraph was first; those of passages that are alike anyway do not count."""

    def __init__(self, passages: Sequence[Passage], pairs: Sequence[Pair]) -> None:
        self._alike = {(passages[pair.first].place, passages[pair.second].place) for pair in pairs}
        self._first: dict[int, str] = {}

    def find_repeated(self, reading: Reading) -> Iterator[Finding]:
        """A finding for the first long paragraph of a passage that an earlier passage has."""
        place = reading.passage.place
        for line in filter(is_long, reading.lines):
            earlier = self._first.setdefault(hash(" ".join(line.lower().split())), place)
            if earlier != place and (earlier, place) not in self._alike:
                yield reading.finding("paragraph_repeated", f"{quote(line)} is in {earlier}, too")
                return


def is_long(line: str) -> bool:
    """Whether a paragraph has words enough to tell it by."""
    return line.count(" ") >= LONG_PARAGRAPH


def find_vocabulary(different: int, words: int, place: str) -> Iterator[Finding]:
    """A finding where a whole manuscript gets along with hardly any words."""
    if words >= LONG_MANUSCRIPT and different < VOCABULARY * sqrt(words):
        yield finding("tiny_vocabulary", place, f"{different:,} different words in {words:,}")
