"""The pairs of a blind reading: two texts from each held-out brief, and a genuine passage to compare them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.report import read_sample_lines
from scriptorium.contracts.report.document import PairedSample, Sample
from scriptorium.text.word_spans import count_running_words, find_word_spans

SLACK_WORDS = 40  # the genuine passage may be this much longer than the longer of the two texts
MIN_WORDS = 150  # of the genuine passage, whatever the length of the texts


@dataclass(frozen=True)
class TextPair:
    """Two texts from the same brief; `passage` is the brief's number, `genuine` the author's own passage."""

    passage: int
    chapter: str
    author: str
    genuine: str
    base: str
    tuned: str


def read_pairs(path: Path) -> list[TextPair]:
    """Read the pairs of a samples.jsonl in the order of the book; leave out briefs that only one model answered."""
    fields_by_passage: dict[int, dict[str, str]] = {}
    for sample in filter(_answers_test_brief, read_sample_lines(path)):
        shared = {"chapter": sample.chapter, "author": sample.author, "genuine": sample.genuine}
        fields_by_passage.setdefault(sample.index, shared).update(_texts(sample))
    return [
        TextPair(passage=passage, **fields)
        for passage, fields in sorted(fields_by_passage.items())
        if {"base", "tuned"} <= set(fields)
    ]


def _answers_test_brief(sample: Sample | PairedSample) -> bool:
    """Return whether a sample is from a test brief: a calibration passage or a new scene has a number of its own."""
    return isinstance(sample, PairedSample) or sample.split == "test"


def _texts(sample: Sample | PairedSample) -> dict[str, str]:
    """Return the texts of a sample by model; a prompted baseline is none of the two."""
    if isinstance(sample, PairedSample):
        return {"base": sample.base.text, "tuned": sample.tuned.text}
    return {sample.role: sample.text} if sample.role in ("base", "tuned") else {}


def choose_genuine(pairs: Sequence[TextPair], pair: TextPair) -> str:
    """Choose a passage of the same author, from another chapter if there is one, about as long as the two texts.

    Not the passage of the same brief: it tells of the same things, so a reader would compare events and names, and a
    text that repeats a line of it would give itself away. It stands half a book on, so that each is used about once.
    """
    others = [
        other for other in _start_half_a_book_on(pairs, pair) if other is not pair and other.author == pair.author
    ]
    chosen = min(others, key=lambda other: other.chapter == pair.chapter, default=pair)
    max_words = max(MIN_WORDS, *map(count_running_words, (pair.base, pair.tuned)))
    return shorten(chosen.genuine, max_words)


def _start_half_a_book_on(pairs: Sequence[TextPair], pair: TextPair) -> Iterator[TextPair]:
    start = pairs.index(pair) + len(pairs) // 2
    yield from (pairs[(start + step) % len(pairs)] for step in range(len(pairs)))


def shorten(text: str, max_words: int) -> str:
    """Cut a text after `max_words` words and add an ellipsis, unless it is at most SLACK_WORDS longer."""
    words = find_word_spans(text)
    if len(words) <= max_words + SLACK_WORDS:
        return text
    return f"{text[: words[max_words - 1][1]]} …"
