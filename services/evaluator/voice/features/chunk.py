"""Cut text into chunks of a number of words."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise

from scriptorium.text.words import WORD

CHUNK = 500  # words: frequencies of function words are steady enough, and an author gives enough of them


def cut_chunks(texts: Iterable[str], words: int = CHUNK) -> list[str]:
    """Cut the texts, one after the other, into chunks of `words` words; a last one of at least half as many counts."""
    joined = "\n\n".join(texts)
    starts = [match.start() for match in WORD.finditer(joined)]
    ends = [*starts[::words], len(joined)]
    chunks = [joined[start:end] for start, end in pairwise(ends)]
    return chunks[:-1] if len(starts) % words and len(starts) % words < words / 2 else chunks


def cut_to(text: str, words: int) -> str:
    """Return the first `words` words, with everything up to the next one."""
    after = next(islice(WORD.finditer(text), words, None), None)
    return text if after is None else text[: after.start()]
