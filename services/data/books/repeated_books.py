"""The same book twice in a manuscript: one finding instead of one for each of its passages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from scriptorium.contracts import Finding
from services.data.checks.lengths import find_repeats
from services.data.passage import Passage
from services.data.splits.near_duplicates import SimilarPair

REPEATED_SHARE = 0.5  # of a book's words; books that quote each other, or share a chapter, have far less in common
VERBATIM_SHARE = 0.99  # of what two books share: then one is a copy, and trains once already
EXPLAINED_CODES = frozenset(["passage_repeated", "near_duplicate", "paragraph_repeated", "twin_left_out"])
EITHER_CODES = frozenset(["twin_left_out"])  # the passage that is left out may be of either book; else of the later


@dataclass
class SharedPassages:
    """The places of the passages of a later book that are in an earlier one, word for word or nearly."""

    verbatim: set[str] = field(default_factory=set)
    similar: set[str] = field(default_factory=set)


def replace_repeated(
    findings: Sequence[Finding], passages: Sequence[Passage], chosen: Sequence[Passage], pairs: Sequence[SimilarPair]
) -> list[Finding]:
    """Return the findings, those about passages of a book that is there twice replaced by one about the book.

    `pairs` are near-duplicates by their indexes in `chosen`, which are the passages that are not left out.
    """
    if len({passage.book for passage in passages}) == 1:
        return list(findings)
    shared = find_shared(passages, chosen, pairs)
    words: defaultdict[str, int] = defaultdict(int)
    sizes = {passage.place: passage.words for passage in passages}
    for passage in passages:
        words[passage.book] += passage.words
    remarks, explained = [], set[tuple[str, str]]()
    for (earlier, later), places in shared.items():
        total = sum(sizes[place] for place in places.verbatim | places.similar)
        smaller = min(words[earlier], words[later])
        if total < REPEATED_SHARE * smaller:
            continue
        explained |= {(code, later) for code in EXPLAINED_CODES} | {(code, earlier) for code in EITHER_CODES}
        share = min(1.0, total / smaller)
        copied = sum(sizes[place] for place in places.verbatim) >= VERBATIM_SHARE * total
        remarks.append(note_copy(earlier, later, share) if copied else note_edition(earlier, later, share))
    books = {passage.place: passage.book for passage in passages}
    others = [finding for finding in findings if (finding.code, books.get(finding.place)) not in explained]
    return [*others, *remarks]


def find_shared(
    passages: Sequence[Passage], chosen: Sequence[Passage], pairs: Iterable[SimilarPair]
) -> dict[tuple[str, str], SharedPassages]:
    """Return what each two books have in common, the one that comes first in the manuscript first."""
    books = {passage.place: passage.book for passage in passages}
    shared: defaultdict[tuple[str, str], SharedPassages] = defaultdict(SharedPassages)
    for later, earlier in find_repeats(passages).items():
        shared[books[earlier], books[later]].verbatim.add(later)
    for pair in pairs:
        first, second = chosen[pair.first], chosen[pair.second]
        shared[first.book, second.book].similar.add(second.place)
    return {pair: places for pair, places in shared.items() if pair[0] != pair[1] and all(pair)}


def note_copy(earlier: str, later: str, share: float) -> Finding:
    """Return the finding about a book that is there twice, word for word."""
    message = f"shares {share:.0%} of its text with {earlier!r}, word for word; it trains once"
    return Finding(code="book_repeated", place=later, message=message)


def note_edition(earlier: str, later: str, share: float) -> Finding:
    """Return the finding about two editions of a book, or a collection with a book in it."""
    message = f"shares {share:.0%} of its passages with {earlier!r}: two editions, or a collection that contains it"
    return Finding(code="book_edition", place=later, message=message)
