"""The lambda score: how much likelier a text's grammar is under the author's model than under the others'.

The models are language models of order 4 over grammar: function words, punctuation and coarse classes of all other
words. After LambdaG (Nini and others: the likelihood ratio of an author's grammar against that of a population), with
interpolated absolute discounting as the smoothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from scriptorium.text.languages.language import Language
from scriptorium.text.words import plain
from services.evaluator.voice.features.names import find_names
from services.evaluator.voice.linear import TrainingClasses

ORDER = 4
DISCOUNT = 0.75
SIGNS = ".,;:!?'\"-()[]*&/"
TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s]")
OTHER, NAME, NUMBER, PRONOUN, START = "<other>", "<name>", "<number>", "<pronoun>", "<start>"

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class LikelihoodRatio:
    """Mean log-probability per token: the author's minus the others', where the base counts as much as all impostors.

    Each token adds to it, so a text that is half the author's scores half.
    """

    def __init__(self, classes: TrainingClasses, vocabulary: Sequence[str], language: Language) -> None:
        self.tokenizer = GrammarTokenizer(vocabulary, find_names(classes.texts, language), language)
        size = len(self.tokenizer.numbers)
        groups = [classes.author, classes.base, *classes.impostors]
        self.author, *self.others = [Grammar([self.tokenizer.encode(text) for text in texts], size) for texts in groups]

    def score(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return one number (nats per token) per text."""
        return np.array([self._score(text) for text in texts])

    def _score(self, text: str) -> float:
        ids = self.tokenizer.encode(text)
        if len(ids) < ORDER:
            return np.nan
        base, *impostors = [float(other.score(ids).mean()) for other in self.others]
        return float(self.author.score(ids).mean()) - (base + float(np.mean(impostors or [base]))) / 2


@dataclass
class GrammarTokenizer:
    """Numbers for the grammar tokens of texts; a word that is not in the vocabulary gets its class."""

    vocabulary: Iterable[str]
    names: frozenset[str]
    language: Language
    numbers: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Give numbers to the classes, the signs of print and the words of the vocabulary."""
        classes = [START, OTHER, NAME, NUMBER, PRONOUN, *(f"-{ending}" for ending in self.language.endings)]
        signs = dict.fromkeys(SIGNS + plain("".join(self.language.quotes)))
        self.numbers = {token: index for index, token in enumerate([*classes, *signs, *self.vocabulary])}

    def encode(self, text: str) -> Ids:
        """Return the ids of a text, after ORDER - 1 starts."""
        ids = [self.numbers[START]] * (ORDER - 1) + [self._number(token) for token in TOKEN.findall(plain(text))]
        return np.array(ids, np.int64)

    def _number(self, token: str) -> int:
        lower_case = token.lower()
        number = self.numbers.get(lower_case)
        return self.numbers[self._classify(token, lower_case)] if number is None else number

    def _classify(self, token: str, lower_case: str) -> str:
        if lower_case in self.names or lower_case in self.language.titles:
            return NAME
        if lower_case in self.language.personal_pronouns:
            return PRONOUN
        if token.isdigit():
            return NUMBER
        return next((f"-{ending}" for ending in self.language.endings if lower_case.endswith(ending)), OTHER)


@dataclass(frozen=True)
class NgramCounts:
    """All n-grams of one length with their counts; of each context, its total and how many kinds of token follow it."""

    grams: Ids
    counts: Floats
    contexts: Ids
    totals: Floats
    kinds: Floats


class Grammar:
    """A language model of one author's texts; `size` is the number of tokens that exist."""

    def __init__(self, texts: Iterable[Ids], size: int) -> None:
        texts = list(texts)
        self.size = size
        self.levels = [self._count(texts, order) for order in range(1, ORDER + 1)]

    def score(self, ids: Ids) -> Floats:
        """Return the log-probability (nats) of each token after the starts."""
        probability = np.full(len(ids) - ORDER + 1, 1 / self.size)
        for order, level in enumerate(self.levels, 1):
            grams = encode_ngrams(ids, order, self.size)
            count = look_up(level.grams, level.counts, grams)
            total = look_up(level.contexts, level.totals, grams // self.size)
            kinds = look_up(level.contexts, level.kinds, grams // self.size)
            with_context = (np.maximum(count - DISCOUNT, 0) + DISCOUNT * kinds * probability) / np.maximum(total, 1)
            probability = np.where(total > 0, with_context, probability)
        return np.asarray(np.log(probability))

    def _count(self, texts: Sequence[Ids], order: int) -> NgramCounts:
        """Count the n-grams of one order.

        An n-gram is stored as the number that its tokens spell in base `size`, so its context is a division away.
        """
        encoded = np.concatenate([encode_ngrams(ids, order, self.size) for ids in texts])
        grams, counts = np.unique(encoded, return_counts=True)
        contexts, first, kinds = np.unique(grams // self.size, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, first)
        return NgramCounts(grams, counts.astype(float), contexts, totals.astype(float), kinds.astype(float))


def encode_ngrams(ids: Ids, order: int, size: int) -> Ids:
    """Return the n-gram that ends at each token after the starts, as one number."""
    length = len(ids) - ORDER + 1
    encoded = np.zeros(length, np.int64)
    for start in range(ORDER - order, ORDER):
        encoded = encoded * size + ids[start : start + length]
    return encoded


def look_up(keys: Ids, values: Floats, queries: Ids) -> Floats:
    """Return the value of each queried key, 0 if it is not among the sorted keys."""
    positions = np.minimum(np.searchsorted(keys, queries), len(keys) - 1)
    return np.where(keys[positions] == queries, values[positions], 0.0)
