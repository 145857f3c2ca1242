"""The tally: how often the tuned model was chosen, with its interval and its p-value. "Can't tell" is counted apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel

from services.api.blind_reading.answers import ReaderAnswer

SIGNIFICANCE_LEVEL = 0.05  # below it, chance is not a likely explanation
NO_DIFFERENCE = 0.995  # from here on a p-value would be written as 1.00
Z = 1.959963984540054  # the 97.5th percentile of the normal distribution: a two-sided 95 % interval

QuestionName = Literal["closer", "better"]
QUESTION_TEXTS: dict[QuestionName, str] = {"closer": "closer to the author", "better": "better written"}


class Score(BaseModel):
    """The answers to one question, and the share of them that chose the tuned model.

    Share, 95 % interval (Wilson) and p-value (exact binomial) leave out "can't tell"; without a choice they are None.
    `summary` says it in words.
    """

    tuned: int
    base: int
    cannot_tell: int
    share_percent: float | None
    low_percent: float | None
    high_percent: float | None
    p_value: float | None
    summary: str


class ReaderTally(BaseModel):
    """One reader's answers; `total` is the number of pairs that this reader has."""

    reader: str
    answered: int
    total: int
    closer: Score
    better: Score


class Tally(BaseModel):
    """The answers of all readers together, and of each reader."""

    answers: int
    closer: Score
    better: Score
    readers: list[ReaderTally]


def count_answers(answers: Sequence[ReaderAnswer], totals: Mapping[str, int]) -> Tally:
    """Count the answers; `totals` has the number of pairs of each reader."""
    by_reader = {reader: [answer for answer in answers if answer.reader == reader] for reader in totals}
    return Tally(
        answers=len(answers),
        closer=score_question(answers, "closer"),
        better=score_question(answers, "better"),
        readers=[
            ReaderTally(
                reader=reader,
                answered=len(own_answers),
                total=totals[reader],
                closer=score_question(own_answers, "closer"),
                better=score_question(own_answers, "better"),
            )
            for reader, own_answers in by_reader.items()
        ],
    )


def score_question(answers: Sequence[ReaderAnswer], question: QuestionName) -> Score:
    """Return the score of one question."""
    choices = [answer.closer if question == "closer" else answer.better for answer in answers]
    tuned, base, undecided = (choices.count(choice) for choice in ("tuned", "base", "cannot_tell"))
    decided = tuned + base
    low, high = wilson_interval(tuned, decided) if decided else (None, None)
    score = Score(
        tuned=tuned,
        base=base,
        cannot_tell=undecided,
        share_percent=_percent(tuned / decided) if decided else None,
        low_percent=_percent(low),
        high_percent=_percent(high),
        p_value=binomial_p_value(tuned, decided) if decided else None,
        summary="",
    )
    return score.model_copy(update={"summary": summarise(score, question)})


def wilson_interval(chosen: int, answers: int) -> tuple[float, float]:
    """Return Wilson's two-sided 95 % score interval of a share (Wilson 1927, JASA 22:209); `answers` is at least 1.

    Unlike the normal approximation it holds for few answers and for shares near 0 and 1.
    """
    share, spread = chosen / answers, Z * Z / answers
    centre = share + spread / 2
    half_width = Z * math.sqrt(share * (1 - share) / answers + spread / (4 * answers))
    low, high = (centre - half_width) / (1 + spread), (centre + half_width) / (1 + spread)
    return (0.0 if chosen == 0 else low), (1.0 if chosen == answers else high)


def binomial_p_value(chosen: int, answers: int) -> float:
    """Return the exact two-sided binomial p-value against one half: how likely so uneven a count is by guessing."""
    tail = sum(math.comb(answers, count) for count in range(max(chosen, answers - chosen), answers + 1))
    return min(1.0, 2 * tail / (1 << answers))


def summarise(score: Score, question: QuestionName) -> str:
    """Put a score into words."""
    undecided = f"{score.cannot_tell} could not be told apart"
    if score.share_percent is None or score.p_value is None:
        return f"Which is {QUESTION_TEXTS[question]}: {undecided}." if score.cannot_tell else "Nobody has answered yet."
    decided = score.tuned + score.base
    return (
        f"The tuned model was chosen as {QUESTION_TEXTS[question]} in {score.tuned} of {decided} "
        f"({score.share_percent:.0f} %, 95 % interval {score.low_percent:.0f}–{score.high_percent:.0f} %)"
        f"{f'; {undecided}' if score.cannot_tell else ''}. {_compare_with_chance(score)}"
    )


def _compare_with_chance(score: Score) -> str:
    p = score.p_value or 0.0
    if p >= NO_DIFFERENCE:
        return "No difference is shown."
    if p >= SIGNIFICANCE_LEVEL:
        return f"No difference is shown: guessing would be as uneven {_frequency(p)}."
    more = "more" if score.tuned > score.base else "less"
    return f"That is {more} than chance would give: guessing would be as uneven {_frequency(p)}."


def _frequency(p: float) -> str:
    """Say how often guessing comes so far, with the p-value."""
    if p < 0.001:
        return "less than once in 1,000 readings (p < 0.001)"
    return f"in {100 * p:.{1 if p < 0.1 else 0}f} % of readings (p = {p:.{3 if p < 0.1 else 2}f})"


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
