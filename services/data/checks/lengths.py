"""Passages that are too short, too long, too few or there twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from scriptorium.contracts import Finding
from scriptorium.errors import Problem, TooFewExamples
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking
from services.data.checks.codes import finding
from services.data.passage import Passage, make_messages

FEWEST_EXAMPLES = 10  # as the hosted fine-tuning API asks
TINY = 0.1  # of the minimum: a stray line, not a passage


def drop_tiny(passages: Sequence[Passage], chunking: Chunking) -> tuple[list[Passage], list[Finding]]:
    """Leave out what is no passage at all; a short one stays and is a finding later, and so does what came ready."""
    limit = TINY * chunking.minimum
    tiny = [passage for passage in passages if passage.length(chunking.unit) < limit and not passage.ready]
    places = {passage.place for passage in tiny}
    kept = [passage for passage in passages if passage.place not in places]
    return kept, [
        finding("passage_left_out", passage.place, f"is only {passage.words} word(s): {passage.text[:60]!r}")
        for passage in tiny
    ]


def drop_repeated(passages: Sequence[Passage]) -> tuple[list[Passage], list[Finding]]:
    """Leave out passages that are in the manuscript twice, or one of the two might train and the other test.

    Rows that came ready may have the same answer to another prompt.
    """
    first: dict[bytes, str] = {}
    kept, findings = [], []
    for passage in passages:
        earlier = first.setdefault(digest(passage.prompt, " ".join(passage.text.split())), passage.place)
        if earlier == passage.place:
            kept.append(passage)
        else:
            findings.append(finding("passage_repeated", passage.place, f"is the same as {earlier}; left out"))
    return kept, findings


def digest(prompt: str, text: str) -> bytes:
    """What tells a prompt and its answer from all others, in few bytes."""
    return blake2b(f"{prompt}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_misfits(passages: Sequence[Passage], chunking: Chunking, curated: bool) -> Iterator[Finding]:
    """A finding for each passage whose length is out of the recipe's range, with what helps; rows have none."""
    short = "merge it with its neighbour" if curated else "its chapter divides no better between sentences"
    long = "cut it again" if curated else "no place to cut was found in it"
    for passage in passages:
        if passage.ready:
            continue
        length = passage.length(chunking.unit)
        if length < chunking.minimum:
            message = f"{length:,} {chunking.unit}, under {chunking.minimum:,}: {short}"
            yield finding("passage_too_short", passage.place, message)
        elif length > chunking.maximum:
            message = f"{length:,} {chunking.unit}, over {chunking.maximum:,}: {long}"
            yield finding("passage_too_long", passage.place, message)


def drop_overlong(
    passages: Sequence[Passage], tokenizer: ChatTokenizer, room: int
) -> tuple[list[Passage], list[Finding]]:
    """Leave out rows that came ready with more than `room` tokens; ours are never made that long."""
    ready = [passage for passage in passages if passage.ready]
    counts = tokenizer.count(tokenizer.render(make_messages(passage)) for passage in ready)
    sizes = {passage.place: size for passage, size in zip(ready, counts, strict=True) if size > room}
    return [passage for passage in passages if passage.place not in sizes], [
        finding("row_too_long", place, f"{size:,} tokens, over {room:,}; left out") for place, size in sizes.items()
    ]


def too_few(training: int, problems: Sequence[Problem]) -> TooFewExamples:
    """The error where there are too few to train on, with what else is wrong."""
    message = f"The manuscript gives {training} training example(s); at least {FEWEST_EXAMPLES} are needed."
    return TooFewExamples(message, param="training_file", problems=problems)
