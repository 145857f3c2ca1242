"""The texts as they are compared: cut to equal lengths, copied runs found and taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from services.evaluator.voice.copies import Copies, Span, mask
from services.evaluator.voice.features.chunk import CHUNK, cut_to
from services.evaluator.voice.features.words import count_words
from services.evaluator.voice.inputs import Material

SHORTEST = 0.5  # share of the length compared: below, a passage is too short to be judged


@dataclass(frozen=True)
class Text:
    """A passage, `whole` with its number of `words`, and `told`, cut to the length of its triple.

    `own` is what is left of `told` without copied runs; `copied` are the runs of `whole` but for what the brief said.
    """

    whole: str
    told: str
    own: str
    copied: list[Span]
    words: int
    long_enough: bool


@dataclass(frozen=True)
class Prepared:
    """`length` in words; the three texts of each prompt at the same place."""

    length: int
    genuine: list[Text]
    base: list[Text]
    tuned: list[Text]


def prepare_texts(material: Material) -> Prepared:
    """Cut and mask all triples.

    A model's passage is masked with all of the author's text at hand, a genuine one with what it is no part of.
    """
    length = min(CHUNK, round(median(count_words(passage.text) for passage in material.held_out)))
    given = [*material.author_train, *material.author_other]
    before = Copies(given)
    everything = Copies([*given, *(passage.text for passage in material.held_out)])
    rows = zip(material.held_out, material.base, material.tuned, strict=True)
    triples = [
        _cut_triple((passage.text, base, tuned), Copies([passage.brief]), (before, everything, everything), length)
        for passage, base, tuned in rows
    ]
    genuine, base, tuned = (list(texts) for texts in zip(*triples, strict=True))
    return Prepared(length, genuine, base, tuned)


def _cut_triple(texts: Sequence[str], brief: Copies, known: Sequence[Copies], length: int) -> list[Text]:
    """Cut a triple to the length of the shortest that is long enough, and mask each."""
    lengths = [count_words(text) for text in texts]
    common = min([length, *(words for words in lengths if words >= SHORTEST * length)])
    return [
        _mask_text(text, common, (brief, copies), SHORTEST * length) for text, copies in zip(texts, known, strict=True)
    ]


def _mask_text(whole: str, length: int, known: tuple[Copies, Copies], shortest: float) -> Text:
    """A text that has too few words of its own left counts as too short; `known` is the brief and the author."""
    brief, author = known
    told = cut_to(whole, length)
    own = mask(told, brief.find(told), author.find(told))
    asked = brief.find(whole)
    copied = [span for span in author.find(whole) if not any(_holds(one, span) for one in asked)]
    return Text(whole, told, own, copied, count_words(whole), count_words(own) >= shortest)


def _holds(outer: Span, inner: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end
