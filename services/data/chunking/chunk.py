"""Division of a chapter into passages whose length is within a range wherever the text allows it.

A shortest path over the positions at which a passage may end: free at the end of a paragraph, expensive inside one, and
most expensive for a passage that is too short. From each position only the few within one maximum are reached, so the
work is linear in the words of the text. A passage is a span of its chapter, and at most white space is between two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil

import numpy as np
from numpy.typing import NDArray

from scriptorium.recipe import Chunking
from scriptorium.text.sentences import split_sentences
from scriptorium.text.word_spans import find_word_spans
from services.data.chunking.token_offsets import Positions, UnitOffsets
from services.data.passage import PARAGRAPH_BREAK

SPLIT_PARAGRAPH_COST = 2.0  # against 0.5 at most for an uneven length: better an uneven length than a split paragraph
SHORT_PASSAGE_COST = 1000.0
PIECE_MARGIN = 1.25  # more pieces for a sentence that is too long, as words differ in length
MAX_VERSE_LINE = 300  # characters; a longer line is prose, and may be cut behind a sentence


@dataclass(frozen=True)
class Segment:
    """A span that is never divided, usually a sentence or a line of verse."""

    start: int
    end: int
    opens_paragraph: bool


def chunk_text(text: str, offsets: UnitOffsets, chunking: Chunking) -> list[tuple[int, int]]:
    """Return the span of each passage of a chapter in its text; blank lines separate its paragraphs."""
    segments = cut_long_segments(text, find_segments(text), offsets, chunking.maximum)
    cuts = find_cheapest_cuts(segments, offsets, chunking.minimum, chunking.maximum)
    return [(segments[first].start, segments[after - 1].end) for first, after in pairwise(cuts)]


def find_segments(text: str) -> list[Segment]:
    """Return the sentences of a text, without the white space around them."""
    segments: list[Segment] = []
    offset = 0
    for paragraph in text.split(PARAGRAPH_BREAK):
        opens_paragraph = True
        for sentence in split_paragraph(paragraph):
            stripped = sentence.strip()
            if stripped:
                start = offset + len(sentence) - len(sentence.lstrip())
                segments.append(Segment(start, start + len(stripped), opens_paragraph))
                opens_paragraph = False
            offset += len(sentence)
        offset += len(PARAGRAPH_BREAK)
    return segments


def split_paragraph(paragraph: str) -> list[str]:
    """Split a paragraph into sentences, or into lines if it has several, as verse has; only long lines are split."""
    if "\n" not in paragraph:
        return split_sentences(paragraph)
    lines = paragraph.splitlines(keepends=True)
    return [piece for line in lines for piece in ([line] if len(line) <= MAX_VERSE_LINE else split_sentences(line))]


def cut_long_segments(text: str, segments: Sequence[Segment], offsets: UnitOffsets, maximum: int) -> list[Segment]:
    """Return the segments, those over the maximum cut between words."""
    sizes = offsets.lengths(*find_edges(segments))
    return [
        piece
        for segment, size in zip(segments, sizes.tolist(), strict=True)
        for piece in ([segment] if size <= maximum else cut_segment(text, segment, offsets, size, maximum))
    ]


def cut_segment(text: str, segment: Segment, offsets: UnitOffsets, size: int, maximum: int) -> list[Segment]:
    """Cut a segment into runs of words of about equal length that each fit; a single word is never cut."""
    spans = find_word_spans(text[segment.start : segment.end])
    words = [segment.start + start for start, _ in spans]
    ends = [segment.start + end for _, end in spans]
    runs = ceil(size * PIECE_MARGIN / maximum)
    before = offsets.count_started(np.array(words)) - offsets.count_started(np.array([segment.start]))
    firsts = np.searchsorted(before, np.arange(runs) * (size / runs)).tolist()
    cuts = [*sorted({first for first in firsts if first < len(words)}), len(words)]
    return [
        Segment(words[first], ends[after - 1], segment.opens_paragraph and not first) for first, after in pairwise(cuts)
    ]


def find_cheapest_cuts(segments: Sequence[Segment], offsets: UnitOffsets, minimum: int, maximum: int) -> list[int]:
    """Return the indexes of the segments at which passages begin, and the end, at the lowest cost."""
    starts, ends = find_edges(segments)
    ended, started = offsets.count_ended(starts), offsets.count_started(ends)
    size_costs = compute_size_costs(minimum, maximum)
    best_costs = np.zeros(len(segments) + 1)
    previous_cuts = [0] * (len(segments) + 1)
    low = 0
    for end in range(1, len(segments) + 1):
        total = started[end - 1]
        while low < end - 1 and total - ended[low] > maximum:
            low += 1
        sizes = np.minimum(total - ended[low:end], maximum)
        costs = best_costs[low:end] + size_costs[sizes]
        cheapest = int(costs.argmin())
        splits_paragraph = end < len(segments) and not segments[end].opens_paragraph
        best_costs[end] = costs[cheapest] + SPLIT_PARAGRAPH_COST * splits_paragraph
        previous_cuts[end] = low + cheapest
    cuts = [len(segments)]
    while cuts[-1]:
        cuts.append(previous_cuts[cuts[-1]])
    return cuts[::-1]


@lru_cache(maxsize=1)
def compute_size_costs(minimum: int, maximum: int) -> NDArray[np.float64]:
    """Compute the cost of a passage of each size, up to the maximum."""
    return np.array([compute_size_cost(size, minimum, maximum) for size in range(maximum + 1)])


def compute_size_cost(size: int, minimum: int, maximum: int) -> float:
    """Compute the cost of a size: 0 in the middle of the range, 0.5 at its ends, over SHORT_PASSAGE_COST below it.

    Below the range, the shorter the passage, the higher the cost.
    """
    if size < minimum:
        return SHORT_PASSAGE_COST * (2 - size / minimum)
    half = max(1.0, (maximum - minimum) / 2)
    return 0.5 * ((size - minimum) / half - 1) ** 2


def find_edges(segments: Sequence[Segment]) -> tuple[Positions, Positions]:
    """Return the starts and the ends of segments."""
    return (
        np.fromiter((segment.start for segment in segments), np.int64, len(segments)),
        np.fromiter((segment.end for segment in segments), np.int64, len(segments)),
    )
