"""Headings that no style marks: short paragraphs of one look, each with a chapter's length of text behind it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from scriptorium.text.word_spans import count_running_words
from services.data.cleaning.headings import LETTER, MAX_TITLE_CHARACTERS, QUOTES, SENTENCE_END, is_numbered
from services.data.readers.structure import Structure

MIN_HEADINGS = 3  # of one look; two may be a title and its author
MIN_CHAPTER_WORDS = 300  # behind a heading; less is a letter, a sign on a door, a telegram
MIN_CHAPTER_SHARE = 0.75  # of the paragraphs of a look that have a chapter behind them
SUBTITLE_LEVEL = 10
LEVEL = 2  # as of Word's first headings


@dataclass(frozen=True)
class Look:
    """The look of a paragraph: its style, and whether all of it is bold, and centred."""

    style: str
    bold: bool = False
    centred: bool = False


@dataclass
class Looks:
    """The looks of a structure's pieces, by their numbers."""

    by_piece: dict[int, Look] = field(default_factory=dict)

    def forget(self, start: int) -> None:
        """Forget the pieces from a number on, which were left out."""
        while self.by_piece and next(reversed(self.by_piece)) >= start:
            self.by_piece.popitem()

    def mark_headings(self, structure: Structure) -> None:
        """Make headings of the paragraphs that look like them, if no style marks any."""
        if any(1 < level < SUBTITLE_LEVEL for level, _ in structure.pieces):
            return
        sizes = [count_running_words(text) for _, text in structure.pieces]
        words: Counter[Look] = Counter()
        for piece, look in self.by_piece.items():
            words[look] += sizes[piece] if piece < len(sizes) else 0
        usual = max(words, key=lambda look: words[look], default=Look(""))
        chosen = max((self.find_chapters(look, usual, structure, sizes) for look in words), key=len, default=[])
        for piece in chosen:
            structure.pieces[piece] = (LEVEL, structure.pieces[piece][1])

    def find_chapters(self, look: Look, usual: Look, structure: Structure, sizes: list[int]) -> list[int]:
        """Return the pieces of a look that begin chapters; none if the look is not one of headings."""
        if not (look.bold or look.centred) and look.style == usual.style:
            return []
        short = [
            piece
            for piece, other in self.by_piece.items()
            if other == look and piece < len(sizes) and could_be_title(structure.pieces[piece][1])
        ]
        spans = pairwise([*short, len(sizes)])
        starts = [piece for piece, end in spans if any(sizes[piece + 1 : end])]  # not a title above another one
        spans = pairwise([*starts, len(sizes)])
        chapters = [piece for piece, end in spans if sum(sizes[piece + 1 : end]) >= MIN_CHAPTER_WORDS]
        enough = len(chapters) >= MIN_HEADINGS and len(chapters) >= MIN_CHAPTER_SHARE * len(starts)
        return chapters if look != usual and enough else []


def could_be_title(text: str) -> bool:
    """Return whether a text is short enough for a title, and is neither speech nor the end of a sentence."""
    if not text or "\n" in text or len(text) > MAX_TITLE_CHARACTERS or not LETTER.search(text):
        return False
    return is_numbered(text) or (text[0] not in QUOTES and not SENTENCE_END.search(text))
