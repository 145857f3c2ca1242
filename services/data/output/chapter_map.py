"""A picture of a book from its first page to its last, showing which chapters train and which are held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scriptorium.artifacts.dataset import SPLITS
from services.data.passage import Passage

WIDTH, HEIGHT = 720, 64
GAP = 1.5  # between two chapters, in units of the picture
MAX_PIECES = 300  # if there are more, neighbours of one split are joined
MAX_ROWS = 400  # of the table
SPLIT_NAMES = {"train": "training", "dev": "choosing", "test": "final test"}  # in plain words


@dataclass(frozen=True)
class ChapterRow:
    """A row of the table: a chapter's words and passages in all, and its words by split."""

    title: str
    words: int
    passages: int
    shares: dict[str, int]

    @property
    def splits(self) -> str:
        """The names of the chapter's splits, in plain words."""
        return ", ".join(SPLIT_NAMES[split] for split in self.shares)


@dataclass(frozen=True)
class MapPiece:
    """A bar of the picture, with its tooltip."""

    x: float
    width: float
    split: str
    label: str


@dataclass(frozen=True)
class ChapterMap:
    """The layout for the template; `longest` is the words of the longest chapter, `rows_left_out` is a count."""

    pieces: list[MapPiece]
    rows: list[ChapterRow]
    longest: int
    rows_left_out: int
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_map(order: Iterable[str], splits: Mapping[str, Sequence[Passage]]) -> ChapterMap:
    """Lay out the chapters that have passages in train, dev or test; `order` has their titles in the book's order."""
    by_chapter: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for split in SPLITS:
        for passage in splits.get(split, ()):
            by_chapter[passage.chapter].append((split, passage.words))
    rows = [make_row(title, by_chapter[title]) for title in dict.fromkeys(order) if title in by_chapter]
    totals = {split: sum(passage.words for passage in splits.get(split, ())) for split in SPLITS}
    total = max(1, sum(totals.values()))
    shares = ", ".join(f"{SPLIT_NAMES[split]} {words / total:.0%}" for split, words in totals.items())
    return ChapterMap(
        pieces=lay_out_pieces(rows, total),
        rows=rows[:MAX_ROWS],
        longest=max((row.words for row in rows), default=1),
        rows_left_out=len(rows[MAX_ROWS:]),
        summary=f"The book from left to right; each chapter is as wide as it is long. Share of the words: {shares}.",
    )


def make_row(title: str, passages: Sequence[tuple[str, int]]) -> ChapterRow:
    """Make the row of a chapter from the split and the words of each of its passages."""
    shares: dict[str, int] = defaultdict(int)
    for split, words in passages:
        shares[split] += words
    return ChapterRow(title, sum(shares.values()), len(passages), dict(shares))


def lay_out_pieces(rows: Sequence[ChapterRow], words: int) -> list[MapPiece]:
    """Lay out a piece for each chapter and split, from left to right."""
    parts = [(row.title, split, share) for row in rows for split, share in row.shares.items()]
    if len(parts) > MAX_PIECES:
        parts = join_neighbours(parts)
    pieces, start = [], 0
    for title, split, share in parts:
        x, end = WIDTH * start / words, WIDTH * (start + share) / words
        pieces.append(
            MapPiece(
                round(x, 2), round(max(0.4, end - x - GAP), 2), split, f"{title}: {share:,} words, {SPLIT_NAMES[split]}"
            )
        )
        start += share
    return pieces


def join_neighbours(parts: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Join consecutive chapters of one split."""
    joined: list[tuple[str, str, int]] = []
    for title, split, share in parts:
        if joined and joined[-1][1] == split:
            first, _, words = joined[-1]
            joined[-1] = (first.removesuffix(" and others") + " and others", split, words + share)
        else:
            joined.append((title, split, share))
    return joined
