"""The plain requests for a book: in its language and in English, with answers up to the length of its passages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from statistics import median
from typing import Protocol

from scriptorium.artifacts.dataset import Row
from scriptorium.sampling import spread
from services.trainer.replay.answers import Asked

SEED = 0  # the same requests for every training, so that a base is asked only once
MAX_REQUESTS = 4000  # of a language
WORD_STEP = 50  # passage lengths are rounded to it, so that books of similar ones share their answers
SAMPLED_ROWS = 25  # to detect the book's language


class ReplayRequest(Protocol):
    """A request of `scriptorium.replay`."""

    @property
    def kind(self) -> str:
        """What is asked for, such as a poem."""

    @property
    def request(self) -> str:
        """The words of the request."""

    @property
    def max_tokens(self) -> int:
        """The most tokens of an answer."""

    @property
    def temperature(self) -> float:
        """The temperature of sampling."""


@dataclass(frozen=True)
class RequestBank:
    """What `scriptorium.replay` offers: it writes requests, judges answers and knows languages.

    `write` takes a language, a number, the words of a passage and a seed; `judge` returns why an answer is refused.
    """

    write: Callable[[str, int, int, int], Sequence[ReplayRequest]]
    judge: Callable[[ReplayRequest, str, bool], str | None]
    choose_languages: Callable[[str | None], Sequence[str]]
    detect_language: Callable[[str], str | None]
    version: str


def open_bank() -> RequestBank:
    """Return the bank of requests that is part of Scriptorium."""
    from scriptorium.replay.bank import REQUESTS_VERSION
    from scriptorium.replay.catalogue import write_requests
    from scriptorium.replay.judge import judge_answer
    from scriptorium.replay.languages import choose_languages, detect_language

    return RequestBank(write_requests, judge_answer, choose_languages, detect_language, REQUESTS_VERSION)


def write_book_requests(bank: RequestBank, rows: Sequence[Row]) -> list[ReplayRequest]:
    """Write every request that suits a book, its languages in turn; whoever needs fewer takes the first."""
    words = max(WORD_STEP, WORD_STEP * round(median(len(row.passage.split()) for row in rows) / WORD_STEP))
    languages = bank.choose_languages(detect_book_language(bank, rows))
    written = [bank.write(language, MAX_REQUESTS, words, SEED) for language in languages]
    return [request for request in chain.from_iterable(zip_longest(*written)) if request is not None]


def detect_book_language(bank: RequestBank, rows: Sequence[Row]) -> str | None:
    """Return the language of most of a sample of passages."""
    languages = Counter(bank.detect_language(row.passage) for row in spread(rows, SAMPLED_ROWS))
    return languages.most_common(1)[0][0]


def as_asked(request: ReplayRequest) -> Asked:
    """Return the key of a request in the cache."""
    return Asked(request.request, request.max_tokens, request.temperature)
