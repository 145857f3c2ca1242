"""The plain requests for a book: in its language and in English, with answers up to the length of its passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, zip_longest
from statistics import median

from scriptorium.artifacts.base_answers import Asked
from scriptorium.artifacts.dataset import Row
from scriptorium.replay.catalogue import ReplayRequest, write_requests
from scriptorium.replay.languages import choose_languages
from scriptorium.text.languages.language import Language
from scriptorium.text.word_spans import count_running_words

SEED = 0  # the same requests for every training, so that a base is asked only once
SAMPLES = 3  # of each request: a book that needs more answers than there are requests gets others to the same ones
MAX_REQUESTS = 4000  # of a language; no bank has more
WORD_STEP = 50  # passage lengths are rounded to it, so that books of similar ones share their answers


def write_book_requests(rows: Sequence[Row], language: Language) -> list[ReplayRequest]:
    """Write every request that suits a book, its languages in turn, then all of them again for other samples.

    Whoever needs fewer takes the first.
    """
    words = max(WORD_STEP, WORD_STEP * round(median(count_running_words(row.passage) for row in rows) / WORD_STEP))
    languages = choose_languages(language.code)
    written = [write_requests(language, MAX_REQUESTS, words, SEED) for language in languages]
    requests = [request for request in chain.from_iterable(zip_longest(*written)) if request is not None]
    return [replace(request, sample=sample) for sample in range(SAMPLES) for request in requests]


def as_asked(request: ReplayRequest) -> Asked:
    """Return the key of a request in the cache."""
    return Asked(request.request, request.max_tokens, request.temperature, request.sample)
