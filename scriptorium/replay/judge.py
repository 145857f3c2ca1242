"""Judge what the base answered: an answer is replayed only if nothing that a program can see is wrong with it."""

from __future__ import annotations

import zlib
from typing import Literal

from scriptorium.instructions.counting import list_words
from scriptorium.replay.catalogue import MAX_LENGTH_FACTOR, ReplayRequest
from scriptorium.replay.languages import detect_language

Refusal = Literal["empty", "unfinished", "echo", "loops", "wrong_language", "too_short", "too_long", "wrong"]

# Plain prose of 60 words compresses to 1.6 times less, of 300 to 2.0 and of 1,200 to 2.2 (measured with our neutral
# text); what says everything twice comes to 3 and more.
MAX_COMPRESSION = 2.6
MIN_LENGTH_FACTOR = 0.5  # of the words asked: "about" 200 is not 90, and small models cannot count better
MIN_ECHO_WORDS = 6  # a shorter answer may stand in its request, such as one of two given words


def judge_answer(request: ReplayRequest, answer: str, ended: bool) -> Refusal | None:
    """Return why an answer is refused; None if it is good. `ended` says that the model stopped by itself."""
    text = answer.strip()
    words = len(list_words(text))
    if not words:
        return "empty"
    if not ended:
        return "unfinished"
    if _echoes(request.request, text, words):
        return "echo"
    if compression(text) > MAX_COMPRESSION:
        return "loops"
    if _is_foreign(request, text):
        return "wrong_language"
    return _judge_length(request, words) or ("wrong" if request.check and not request.check(text) else None)


def compression(text: str) -> float:
    """Return how many times smaller a text becomes if it is compressed."""
    data = text.encode()
    return len(data) / len(zlib.compress(data, 9))


def _is_foreign(request: ReplayRequest, text: str) -> bool:
    """Return whether an answer is in another language; a long one in no known language is foreign, too."""
    language = detect_language(text)
    return language != request.language and (language is not None or request.words is not None)


def _judge_length(request: ReplayRequest, words: int) -> Refusal | None:
    """Return whether an answer is far from the length asked."""
    if request.words is None:
        return None
    if words < MIN_LENGTH_FACTOR * request.words:
        return "too_short"
    return "too_long" if words > MAX_LENGTH_FACTOR * request.words else None


def _echoes(request: str, answer: str, words: int) -> bool:
    """Return whether an answer repeats its request, or is a part of it."""
    one, other = _bare(request), _bare(answer)
    return one in other or (words >= MIN_ECHO_WORDS and other in one)


def _bare(text: str) -> str:
    """Return the words of a text alone, in lower case."""
    return " ".join(list_words(text.casefold()))
