"""Cut text into chunks of so many words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from services.evaluator.voice.features.words import WORD

CHUNK = 500  # words: frequencies of function words are steady enough, and an author gives enough of them


def cut_chunks(texts: Iterable[str], words: int = CHUNK) -> list[str]:
    """Chunks of `words` words of the texts one after the other; a last one of at least half as many counts."""
    whole = "\n\n".join(texts)
    starts = [match.start() for match in WORD.finditer(whole)]
    ends = [*starts[::words], len(whole)]
    chunks = [whole[start:end] for start, end in pairwise(ends)]
    return chunks[:-1] if len(starts) % words and len(starts) % words < words / 2 else chunks


def cut_to(text: str, words: int) -> str:
    """The first `words` words."""
    return text[: next(_after(text, words), len(text))]


def _after(text: str, words: int) -> Iterator[int]:
    """Where the word after so many begins."""
    for number, match in enumerate(WORD.finditer(text)):
        if number == words:
            yield match.start()
