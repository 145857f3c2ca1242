"""Repeated passages, paragraphs, lines and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import sqrt

from scriptorium.contracts import Finding
from services.data.checks.codes import make_finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote
from services.data.passage import Passage
from services.data.splits.near_duplicates import SimilarPair

MIN_PARAGRAPH_WORDS = 30  # shorter ones may be the endings of letters, or refrains
MIN_LINE_REPEATS = 5
MIN_LINE_WORDS = 4
MIN_WORDS = 200
MIN_VARIETY = 6.0  # different words by the root of all words (Guiraud 1954); prose of 700 words or more has over 8
MIN_MANUSCRIPT_VARIETY = 10.0  # the same for a whole manuscript; it grows with the length
MIN_MANUSCRIPT_WORDS = 10_000


def find_repetition(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about a passage that repeats its lines or words."""
    sentences = Counter(passage.sentences)
    for sentence, count in sentences.most_common(1):
        if count >= MIN_LINE_REPEATS and sentence.count(" ") >= MIN_LINE_WORDS - 1:
            yield passage.make_finding("line_repeated", f"{count} times {quote(sentence)}")
    words = len(passage.words)
    if words >= MIN_WORDS and len(passage.counts) < MIN_VARIETY * sqrt(words):
        yield passage.make_finding("low_variety", f"only {len(passage.counts)} different words in {words:,}")


def find_near_duplicates(passages: Sequence[Passage], pairs: Sequence[SimilarPair]) -> Iterator[Finding]:
    """Yield a finding for each near-duplicate of an earlier passage, with the closest one."""
    closest: dict[int, SimilarPair] = {}
    for pair in pairs:
        if is_same_preference(passages[pair.first], passages[pair.second]):
            continue
        if pair.second not in closest or pair.shared > closest[pair.second].shared:
            closest[pair.second] = pair
    for index, pair in sorted(closest.items()):
        message = f"shares {pair.shared:.0%} of its wording with {passages[pair.first].place}"
        yield make_finding("near_duplicate", passages[index].place, message)


def is_same_preference(one: Passage, other: Passage) -> bool:
    """Return whether two preferences have the same preferred answer to one prompt: there may be many rejected ones."""
    return bool(one.rejected and other.rejected) and (one.prompt, one.text) == (other.prompt, other.text)


class LongParagraphs:
    """The first place of each long paragraph; paragraphs that near-duplicates share do not count."""

    def __init__(self, passages: Sequence[Passage], pairs: Sequence[SimilarPair]) -> None:
        self._near_duplicates = {(passages[pair.first].place, passages[pair.second].place) for pair in pairs}
        self._first_places: dict[int, str] = {}

    def find_repeated(self, passage: TokenizedPassage) -> Iterator[Finding]:
        """Yield a finding for the first long paragraph of a passage that an earlier passage has, too."""
        place = passage.source.place
        for line in filter(is_long, passage.lines):
            earlier = self._first_places.setdefault(hash(" ".join(line.lower().split())), place)
            if earlier != place and (earlier, place) not in self._near_duplicates:
                yield passage.make_finding("paragraph_repeated", f"{quote(line)} is in {earlier}, too")
                return


def is_long(line: str) -> bool:
    """Return whether a paragraph has enough words to identify it."""
    return line.count(" ") >= MIN_PARAGRAPH_WORDS


def find_tiny_vocabulary(different: int, words: int, place: str) -> Iterator[Finding]:
    """Yield a finding if a whole manuscript uses hardly any different words."""
    if words >= MIN_MANUSCRIPT_WORDS and different < MIN_MANUSCRIPT_VARIETY * sqrt(words):
        yield make_finding("tiny_vocabulary", place, f"{different:,} different words in {words:,}")
