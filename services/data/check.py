"""What may be wrong with passages and with what was written of them: too few is an error, the rest a finding."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from scriptorium.contracts import Finding, TokenStatistics
from scriptorium.dataset import Row, read_rows
from scriptorium.errors import InternalError, TooFewExamples
from scriptorium.recipe import Chunking
from services.data.passage import Passage

FEWEST_EXAMPLES = 10  # as the hosted fine-tuning API asks
TINY = 0.1  # of the minimum: a stray line, not a passage


def drop_tiny(passages: Sequence[Passage], chunking: Chunking) -> tuple[list[Passage], list[Finding]]:
    """Leave out what is no passage at all; a short one stays and is a finding later."""
    limit = TINY * chunking.minimum
    kept = [passage for passage in passages if passage.length(chunking.unit) >= limit]
    tiny = [passage for passage in passages if passage.length(chunking.unit) < limit]
    return kept, [
        Finding(
            code="passage_left_out",
            place=passage.place,
            message=f"is only {passage.words} word(s): {passage.text[:60]!r}",
        )
        for passage in tiny
    ]


def drop_repeated(passages: Sequence[Passage]) -> tuple[list[Passage], list[Finding]]:
    """Leave out passages that are in the manuscript twice, or one of the two might train and the other test."""
    first: dict[str, str] = {}
    kept, findings = [], []
    for passage in passages:
        earlier = first.setdefault(" ".join(passage.text.split()), passage.place)
        if earlier == passage.place:
            kept.append(passage)
        else:
            findings.append(
                Finding(code="passage_repeated", place=passage.place, message=f"is the same as {earlier}; left out")
            )
    return kept, findings


def find_misfits(passages: Sequence[Passage], chunking: Chunking, curated: bool) -> Iterator[Finding]:
    """A finding for each passage whose length is out of the recipe's range, with what helps."""
    short = "merge it with its neighbour" if curated else "its chapter divides no better between sentences"
    long = "cut it again" if curated else "no place to cut was found in it"
    for passage in passages:
        length = passage.length(chunking.unit)
        if length < chunking.minimum:
            message = f"{length:,} {chunking.unit}, under {chunking.minimum:,}: {short}"
            yield Finding(code="passage_too_short", place=passage.place, message=message)
        elif length > chunking.maximum:
            message = f"{length:,} {chunking.unit}, over {chunking.maximum:,}: {long}"
            yield Finding(code="passage_too_long", place=passage.place, message=message)


def check_count(training: int) -> None:
    """Raise TooFewExamples where there are too few to train on."""
    if training < FEWEST_EXAMPLES:
        message = f"The manuscript gives {training} training example(s); at least {FEWEST_EXAMPLES} are needed."
        raise TooFewExamples(message, param="training_file")


def check_written(folder: Path, splits: dict[str, list[Row]]) -> None:
    """Read everything back; raises InternalError where a file does not say what was meant."""
    for name, rows in splits.items():
        if read_rows(folder / f"{name}.jsonl") != rows:
            raise InternalError(f"{name}.jsonl does not read back as it was written.")
        alpaca = folder / "alpaca" / f"{name}.jsonl"
        if alpaca.exists():
            lines = alpaca.read_text(encoding="utf-8").removesuffix("\n").split("\n")
            if [json.loads(line)["output"] for line in lines if line] != [row.passage for row in rows]:
                raise InternalError(f"alpaca/{name}.jsonl does not read back as it was written.")


def token_statistics(passages: Sequence[Passage]) -> TokenStatistics:
    """How long passages are, in tokens; all zeros where there are none."""
    sizes = [passage.tokens for passage in passages] or [0]
    return TokenStatistics(
        examples=len(passages), mean=sum(sizes) / len(sizes), minimum=min(sizes), maximum=max(sizes), total=sum(sizes)
    )
