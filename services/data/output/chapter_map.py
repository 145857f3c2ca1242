"""A book from its first page to its last, as a picture: which chapters train and which are held out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scriptorium.artifacts.dataset import SPLITS
from services.data.passage import Passage

WIDTH, HEIGHT = 720, 64
AIR = 1.5  # picture units between two chapters
MOST_PIECES = 300  # more are joined where neighbours are of one split
MOST_ROWS = 400  # of the table


@dataclass(frozen=True)
class Row:
    """A chapter: its words and passages in all, and its words by split."""

    title: str
    words: int
    passages: int
    shares: dict[str, int]

    @property
    def splits(self) -> str:
        """The splits that it is in, as a person reads them."""
        return ", ".join(self.shares)


@dataclass(frozen=True)
class Piece:
    """A part of the picture, with what a pointer shows."""

    x: float
    width: float
    split: str
    label: str


@dataclass(frozen=True)
class ChapterMap:
    """Everything the template needs; `longest` is the words of the longest chapter, `more` the rows left out."""

    pieces: list[Piece]
    rows: list[Row]
    longest: int
    more: int
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def draw_map(order: Iterable[str], splits: Mapping[str, Sequence[Passage]]) -> ChapterMap:
    """Lay out the chapters, named in the order of the book, that have passages in train, dev or test."""
    held: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for split in SPLITS:
        for passage in splits.get(split, ()):
            held[passage.chapter].append((split, passage.words))
    rows = [make_row(title, held[title]) for title in dict.fromkeys(order) if title in held]
    totals = {split: sum(passage.words for passage in splits.get(split, ())) for split in SPLITS}
    every = max(1, sum(totals.values()))
    shares = ", ".join(f"{split} {words / every:.0%}" for split, words in totals.items())
    return ChapterMap(
        pieces=lay_out(rows, every),
        rows=rows[:MOST_ROWS],
        longest=max((row.words for row in rows), default=1),
        more=len(rows[MOST_ROWS:]),
        summary=f"The book from left to right, each chapter as wide as it is long. Of the words: {shares}.",
    )


def make_row(title: str, passages: Sequence[tuple[str, int]]) -> Row:
    """A chapter, whose passages are given by split and words."""
    shares: dict[str, int] = defaultdict(int)
    for split, words in passages:
        shares[split] += words
    return Row(title, sum(shares.values()), len(passages), dict(shares))


def lay_out(rows: Sequence[Row], words: int) -> list[Piece]:
    """A piece for each chapter and split, from left to right."""
    parts = [(row.title, split, share) for row in rows for split, share in row.shares.items()]
    if len(parts) > MOST_PIECES:
        parts = join_neighbours(parts)
    pieces, at = [], 0
    for title, split, share in parts:
        x, end = WIDTH * at / words, WIDTH * (at + share) / words
        pieces.append(
            Piece(round(x, 2), round(max(0.4, end - x - AIR), 2), split, f"{title}: {share:,} words, {split}")
        )
        at += share
    return pieces


def join_neighbours(parts: Sequence[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    """Chapters in a row that are of one split, as one."""
    joined: list[tuple[str, str, int]] = []
    for title, split, share in parts:
        if joined and joined[-1][1] == split:
            first, _, before = joined[-1]
            joined[-1] = (first.removesuffix(" and others") + " and others", split, before + share)
        else:
            joined.append((title, split, share))
    return joined
