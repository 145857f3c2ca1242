"""Cut the texts to equal lengths and mask the runs that are copied, so that they can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from scriptorium.text.words import count_words
from services.evaluator.voice.copies import CopyFinder, SharedRun, mask
from services.evaluator.voice.features.chunk import CHUNK, cut_to
from services.evaluator.voice.inputs import VoiceInputs

MIN_LENGTH_SHARE = 0.5  # of the length compared: below, a passage is too short to be judged


@dataclass(frozen=True)
class AlignedText:
    """A passage: `full` with its number of `words`, and `trimmed` to the common length of its triple.

    `unmasked` is what is left of `trimmed` without copied runs; `copied` are the runs of `full` that its brief does
    not contain.
    """

    full: str
    trimmed: str
    unmasked: str
    copied: list[SharedRun]
    words: int
    long_enough: bool


@dataclass(frozen=True)
class AlignedTexts:
    """The texts of all prompts; the three of a prompt have the same index. `length` is in words."""

    length: int
    genuine: list[AlignedText]
    base: list[AlignedText]
    tuned: list[AlignedText]


def align_lengths(inputs: VoiceInputs) -> AlignedTexts:
    """Cut and mask all triples.

    A model's passage is masked with all of the author's text at hand, a genuine one with the text that it is not from.
    """
    length = choose_length([passage.text for passage in inputs.held_out])
    not_held_out = [*inputs.author_train, *inputs.author_other]
    for_genuine = CopyFinder(not_held_out)
    for_models = CopyFinder([*not_held_out, *(passage.text for passage in inputs.held_out)])
    rows = zip(inputs.held_out, inputs.base, inputs.tuned, strict=True)
    triples = [
        _align_triple(
            (passage.text, base, tuned), CopyFinder([passage.brief]), (for_genuine, for_models, for_models), length
        )
        for passage, base, tuned in rows
    ]
    genuine, base, tuned = (list(texts) for texts in zip(*triples, strict=True))
    return AlignedTexts(length, genuine, base, tuned)


def choose_length(genuine: Sequence[str]) -> int:
    """Return the words that are compared: those of the median genuine passage, at most a chunk."""
    return min(CHUNK, round(median(count_words(text) for text in genuine)))


def _align_triple(
    texts: Sequence[str], brief: CopyFinder, authors: Sequence[CopyFinder], length: int
) -> list[AlignedText]:
    """Cut a triple to the length of the shortest that is long enough, and mask each of the three."""
    lengths = [count_words(text) for text in texts]
    common = min([length, *(words for words in lengths if words >= MIN_LENGTH_SHARE * length)])
    return [
        _align_text(text, common, brief, author, MIN_LENGTH_SHARE * length)
        for text, author in zip(texts, authors, strict=True)
    ]


def _align_text(full: str, length: int, brief: CopyFinder, author: CopyFinder, min_words: float) -> AlignedText:
    """Cut and mask a text; one that has fewer than `min_words` words of its own left counts as too short."""
    trimmed = cut_to(full, length)
    unmasked = mask(trimmed, brief.find(trimmed), author.find(trimmed))
    from_brief = brief.find(full)
    copied = [run for run in author.find(full) if not any(_contains(other, run) for other in from_brief)]
    return AlignedText(full, trimmed, unmasked, copied, count_words(full), count_words(unmasked) >= min_words)


def _contains(outer: SharedRun, inner: SharedRun) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
