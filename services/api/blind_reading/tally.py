"""The answers, counted: how often the tuned model was chosen, with its interval; those who could not tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel

from services.api.blind_reading.answers import Answer
from services.api.blind_reading.interval import chance, wilson

SURE = 0.05  # below, chance is not a likely explanation

Question = Literal["closer", "better"]
QUESTIONS: dict[Question, str] = {"closer": "closer to the author", "better": "better written"}


class Score(BaseModel):
    """How often each was chosen. Share, 95 % interval (Wilson) and p-value (exact binomial) leave out who cannot tell.

    `summary` says it in words. Without a choice there is no share.
    """

    tuned: int
    base: int
    cannot_tell: int
    share_percent: float | None
    low_percent: float | None
    high_percent: float | None
    p_value: float | None
    summary: str


class Reader(BaseModel):
    """One reader's answers; `total` is how many pairs this reader has."""

    reader: str
    answered: int
    total: int
    closer: Score
    better: Score


class Tally(BaseModel):
    """Everybody's answers, and each reader's own."""

    answers: int
    closer: Score
    better: Score
    readers: list[Reader]


def count_answers(answers: Sequence[Answer], totals: Mapping[str, int]) -> Tally:
    """Count; `totals` says how many pairs each reader has."""
    own = {reader: [answer for answer in answers if answer.reader == reader] for reader in totals}
    return Tally(
        answers=len(answers),
        closer=score(answers, "closer"),
        better=score(answers, "better"),
        readers=[
            Reader(
                reader=reader,
                answered=len(given),
                total=totals[reader],
                closer=score(given, "closer"),
                better=score(given, "better"),
            )
            for reader, given in own.items()
        ],
    )


def score(answers: Sequence[Answer], question: Question) -> Score:
    """The score of one question."""
    choices = [answer.closer if question == "closer" else answer.better for answer in answers]
    tuned, base, ties = (choices.count(choice) for choice in ("tuned", "base", "cannot_tell"))
    decided = tuned + base
    low, high = wilson(tuned, decided) if decided else (None, None)
    found = Score(
        tuned=tuned,
        base=base,
        cannot_tell=ties,
        share_percent=_percent(tuned / decided) if decided else None,
        low_percent=_percent(low),
        high_percent=_percent(high),
        p_value=chance(tuned, decided) if decided else None,
        summary="",
    )
    return found.model_copy(update={"summary": summarise(found, question)})


def summarise(found: Score, question: Question) -> str:
    """A score in words."""
    ties = f"{found.cannot_tell} could not be told apart"
    if found.share_percent is None or found.p_value is None:
        return f"Which is {QUESTIONS[question]}: {ties}." if found.cannot_tell else "Nobody has answered yet."
    decided = found.tuned + found.base
    return (
        f"The tuned model was chosen as {QUESTIONS[question]} in {found.tuned} of {decided} "
        f"({found.share_percent:.0f} %, 95 % interval {found.low_percent:.0f}–{found.high_percent:.0f} %)"
        f"{f'; {ties}' if found.cannot_tell else ''}. {_against_chance(found)}"
    )


def _against_chance(found: Score) -> str:
    p = found.p_value or 0.0
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
    if p >= SURE:
        return f"Chance alone may do as much ({shown})."
    return f"That is {'more' if found.tuned > found.base else 'less'} than chance would give ({shown})."


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
