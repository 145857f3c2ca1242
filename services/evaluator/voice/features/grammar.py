"""A language model of order 4 over grammar: function words, punctuation and coarse classes of all other words.

After LambdaG (Nini and others: the likelihood ratio of an author's grammar against that of a population), with
interpolated absolute discounting as the smoothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.evaluator.voice.features.words import PRONOUNS, TITLES, plain

ORDER = 4
DISCOUNT = 0.75
ENDINGS = ("ing", "ed", "ly", "ness", "tion", "sion", "ment", "ful", "less", "ous", "able", "ible", "ity", "ive", "est",
           "er", "al", "en", "'s", "s")  # fmt: skip
TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]")
OTHER, NAME, NUMBER, PRONOUN, START = "<other>", "<name>", "<number>", "<pronoun>", "<start>"

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass
class Tokens:
    """Numbers the grammar tokens of texts; what it has not seen before counts as another word."""

    vocabulary: Iterable[str]
    names: frozenset[str]
    numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Words of the vocabulary first, then the classes and the signs of English print."""
        classes = [START, OTHER, NAME, NUMBER, PRONOUN, *(f"-{ending}" for ending in ENDINGS)]
        signs = list(".,;:!?'\"-()[]*&/")
        self.numbers = {token: place for place, token in enumerate([*classes, *signs, *self.vocabulary])}

    def read(self, text: str) -> Ids:
        """The ids of a text, after ORDER - 1 starts."""
        found = [self.numbers[START]] * (ORDER - 1) + [self._number(token) for token in TOKEN.findall(plain(text))]
        return np.array(found, np.int64)

    def _number(self, token: str) -> int:
        small = token.lower()
        found = self.numbers.get(small)
        return self.numbers[self._classify(token, small)] if found is None else found

    def _classify(self, token: str, small: str) -> str:
        if small in self.names or small in TITLES:
            return NAME
        if small in PRONOUNS:
            return PRONOUN
        if token.isdigit():
            return NUMBER
        return next((f"-{ending}" for ending in ENDINGS if small.endswith(ending)), OTHER)


@dataclass(frozen=True)
class Level:
    """All n-grams of one length with their counts, and the same of their contexts."""

    grams: Ids
    counts: Floats
    contexts: Ids
    totals: Floats
    kinds: Floats


class Grammar:
    """The counts of one author's texts; `size` is the number of tokens that exist."""

    def __init__(self, texts: Iterable[Ids], size: int) -> None:
        texts = list(texts)
        self.size = size
        self.levels = [self._count(texts, order) for order in range(1, ORDER + 1)]

    def score(self, ids: Ids) -> Floats:
        """The log-probability (nats) of each token after the starts."""
        probability = np.full(len(ids) - ORDER + 1, 1 / self.size)
        for order, level in enumerate(self.levels, 1):
            grams = code(ids, order, self.size)
            count = look_up(level.grams, level.counts, grams)
            total = look_up(level.contexts, level.totals, grams // self.size)
            kinds = look_up(level.contexts, level.kinds, grams // self.size)
            with_context = (np.maximum(count - DISCOUNT, 0) + DISCOUNT * kinds * probability) / np.maximum(total, 1)
            probability = np.where(total > 0, with_context, probability)
        return np.asarray(np.log(probability))

    def _count(self, texts: Sequence[Ids], order: int) -> Level:
        """An n-gram is kept as the number that its tokens spell in base `size`, so its context is a division away."""
        spelled = np.concatenate([code(ids, order, self.size) for ids in texts])
        grams, counts = np.unique(spelled, return_counts=True)
        contexts, first, kinds = np.unique(grams // self.size, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        return Level(grams, counts.astype(float), contexts, totals.astype(float), kinds.astype(float))


def code(ids: Ids, order: int, size: int) -> Ids:
    """The n-gram that ends at each token after the starts, as one number."""
    length = len(ids) - ORDER + 1
    spelled = np.zeros(length, np.int64)
    for place in range(ORDER - order, ORDER):
        spelled = spelled * size + ids[place : place + length]
    return spelled


def look_up(keys: Ids, values: Floats, wanted: Ids) -> Floats:
    """The value of each wanted key, 0 where there is none."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0.0)
