"""The verdict in plain words, made from the numbers, with what has to be said against it."""

from __future__ import annotations

import math

from pydantic import BaseModel

from scriptorium.contracts import EvaluateResult, LossDrop

FEW = 8  # passages: with fewer a bootstrap interval is too narrow to be believed
TINY = 1_000_000_000  # parameters: below, a model catches the surface of a style and little of its sense


class Verdict(BaseModel):
    """One sentence, what it means, and the caveats."""

    sentence: str
    meaning: str
    caveats: list[str]


def judge(result: EvaluateResult, parameters: int | None) -> Verdict:
    """Put the result into words; `parameters` is the size of the model, where it is known."""
    return Verdict(
        sentence=f"{_author(result.author)}{_others(result.others)}",
        meaning=_meaning(result.author),
        caveats=[*_comparison(result), *_amount(result), *_size(parameters)],
    )


def summarise(result: EvaluateResult) -> str:
    """The result in one line for the log: the change of the loss has its sign, the interval is that of the drop."""
    author = result.author
    joint = "-" if author.low_percent >= 0 else " to "
    interval = f"{author.low_percent:.1f}{joint}{author.high_percent:.1f}"
    line = f"Held-out loss {author.base:.2f} -> {author.tuned:.2f} ({-author.drop_percent:+.1f} %, 95 % interval {interval})"
    return line if result.others is None else f"{line}; other authors {-result.others.drop_percent:+.1f} %"


def _author(drop: LossDrop) -> str:
    interval = f"(95 % interval {_range(drop)})"
    if drop.low_percent > 0:
        amount = _number(drop.drop_percent)
        return f"The tuned model finds the held-out chapters {amount} % more predictable than the base model does {interval}"
    if drop.high_percent < 0:
        amount = _number(-drop.drop_percent)
        return f"The tuned model finds the held-out chapters {amount} % less predictable than the base model does {interval}"
    return (
        "It cannot be told whether the tuned model knows the held-out chapters better than the base model does: "
        f"the measured gain is {_number(drop.drop_percent)} %, and its 95 % interval, {_range(drop)}, touches zero"
    )


def _others(drop: LossDrop | None) -> str:
    return "." if drop is None else f"; other authors’ pages: {_number(drop.drop_percent)} %."


def _meaning(drop: LossDrop) -> str:
    """The loss as the number of equally likely choices (its exponential, the perplexity)."""
    base, tuned = (f"{math.exp(loss):,.0f}" for loss in (drop.base, drop.tuned))
    return (
        "Reading chapters that were kept from it, word piece by word piece, the base model hesitates as if between "
        f"{base} equally likely continuations, the tuned model as if between {tuned}."
    )


def _comparison(result: EvaluateResult) -> list[str]:
    """Whether the gain is this author's own or that of any book of the kind."""
    author, others = result.author, result.others
    if author.high_percent < 0:
        return ["Training has led away from the author: a gentler learning rate, fewer steps or cleaner text may help."]
    if others is None:
        return ["No other authors’ pages were there to compare with, so part of any gain may be prose of this kind in general."]
    if author.low_percent <= 0:
        return []
    if author.low_percent > others.high_percent:
        return ["The gain is clearly larger here than on other authors’ pages: the model has learned this author in particular."]
    return ["The gain on other authors’ pages is not clearly smaller, so it may be prose of this kind more than this author."]


def _amount(result: EvaluateResult) -> list[str]:
    sets = [("the author", result.author), ("other authors", result.others)]
    few = [f"{drop.passages} of {whose}" for whose, drop in sets if drop is not None and drop.passages < FEW]
    return [f"Few passages were read ({', '.join(few)}); the interval is narrower than it should be."] if few else []


def _size(parameters: int | None) -> list[str]:
    if parameters is None or parameters >= TINY:
        return []
    size = f"{parameters / 1e6:.0f} million"
    return [f"This is the statistic of a tiny model ({size} weights): such a model catches surface habits and stays loose in sense."]


def _range(drop: LossDrop) -> str:
    """The interval; with "to" where a dash could be taken for a minus."""
    joint = "–" if drop.low_percent >= 0 else " to "
    return f"{_number(drop.low_percent)}{joint}{_number(drop.high_percent)}"


def _number(percent: float) -> str:
    """One digit after the point below ten, none above; never a minus zero."""
    digits = 1 if abs(percent) < 9.95 else 0
    return f"{round(percent, digits) + 0.0:.{digits}f}".replace("-", "−")
