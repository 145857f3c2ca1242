"""Passages that are too short, too long, too few or repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.contracts.base import Message
from scriptorium.errors import Problem, TooFewExamples
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking
from services.data.checks.codes import make_finding
from services.data.chunking.fit import measure_room
from services.data.passage import Passage, iterate_chats
from services.data.readers.limits import MIN_EXAMPLES

TINY_SHARE = 0.1  # of the minimum length; what is shorter is a stray line, not a passage


def drop_tiny(passages: Sequence[Passage], chunking: Chunking) -> tuple[list[Passage], list[Finding]]:
    """Leave out stray lines; short passages stay and become findings later, and ready rows stay."""
    limit = TINY_SHARE * chunking.minimum
    tiny = [passage for passage in passages if passage.length(chunking.unit) < limit and not passage.ready]
    left_out = {passage.place for passage in tiny}
    remaining = [passage for passage in passages if passage.place not in left_out]
    return remaining, [
        make_finding("passage_left_out", passage.place, f"is only {passage.words} word(s): {passage.text[:60]!r}")
        for passage in tiny
    ]


def drop_repeated(passages: Sequence[Passage]) -> tuple[list[Passage], list[Finding]]:
    """Leave out passages that occurred before; else one copy might train and the other one test.

    Ready rows may have the same answer to different prompts, or prefer it to different ones.
    """
    repeats = find_repeats(passages)
    return [passage for passage in passages if passage.place not in repeats], [
        make_finding("passage_repeated", place, f"is the same as {earlier}; left out")
        for place, earlier in repeats.items()
    ]


def find_repeats(passages: Sequence[Passage]) -> dict[str, str]:
    """Return the places of passages that occurred before, each with the first place."""
    first_places: dict[bytes, str] = {}
    firsts = {passage.place: first_places.setdefault(make_digest(passage), passage.place) for passage in passages}
    return {place: first for place, first in firsts.items() if place != first}


def make_digest(passage: Passage) -> bytes:
    """Return a digest that identifies a passage with all that stands before it, and what it is preferred to."""
    earlier = [turn["content"] for turn in passage.turns]
    texts = [*earlier, passage.prompt, " ".join(passage.text.split()), passage.rejected]
    return blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_out_of_range(passages: Sequence[Passage], chunking: Chunking, curated: bool) -> Iterator[Finding]:
    """Yield a finding, with advice, for each passage whose length is out of the recipe's range; not for ready rows."""
    short = "merge it with its neighbour" if curated else "its chapter cannot be divided better between sentences"
    long = "cut it again" if curated else "it has no place to cut"
    for passage in passages:
        if passage.ready:
            continue
        length = passage.length(chunking.unit)
        if length < chunking.minimum and not passage.fitted:
            message = f"{length:,} {chunking.unit}, under {chunking.minimum:,}: {short}"
            yield make_finding("passage_too_short", passage.place, message)
        elif length > chunking.maximum:
            message = f"{length:,} {chunking.unit}, over {chunking.maximum:,}: {long}"
            yield make_finding("passage_too_long", passage.place, message)


def drop_overlong(
    passages: Sequence[Passage], tokenizer: ChatTokenizer, request: PrepareRequest
) -> tuple[list[Passage], list[Finding]]:
    """Leave out rows over the training's `sequence_len`, as it would refuse them; what we cut is never that long.

    Before a row that is ours comes the system message. A preference is as long as its longer answer makes it.
    """
    limit, room = request.sequence_len, measure_room(request, tokenizer)
    candidates = [passage for passage in passages if passage.ready or may_be_overlong(passage, room)]
    chats = (chat for passage in candidates for chat in iterate_whole_chats(passage, request.system))
    counts = iter(tokenizer.count(map(tokenizer.render, chats)))
    longest = {passage.place: max(next(counts) for _ in iterate_chats(passage)) for passage in candidates}
    sizes = {place: size for place, size in longest.items() if size > limit}
    return [passage for passage in passages if passage.place not in sizes], [
        make_finding("row_too_long", place, f"{size:,} tokens, over {limit:,}; left out")
        for place, size in sizes.items()
    ]


def may_be_overlong(passage: Passage, room: int) -> bool:
    """Return whether a row of ours is worth counting: a brief has at most a token for each byte."""
    return passage.tokens + len(passage.prompt.encode()) > room


def iterate_whole_chats(passage: Passage, system: str) -> Iterator[list[Message]]:
    """Yield the turns of a passage's row with each of its answers, the system message included."""
    first: list[Message] = [{"role": "system", "content": system}] if system and not passage.ready else []
    return ([*first, *chat] for chat in iterate_chats(passage))


def too_few_examples(training: int, held_out: int, problems: Sequence[Problem]) -> TooFewExamples:
    """Return the error for too few training examples, with the other problems."""
    others = f" beside {held_out} that are held out" if held_out else ""
    message = f"The manuscript gives {training} training example(s){others}; at least {MIN_EXAMPLES} are needed."
    return TooFewExamples(message, param="training_file", problems=problems)
