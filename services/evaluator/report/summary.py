"""The verdict in plain words, made from the numbers, with what has to be said against it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel

from scriptorium.contracts import EvaluateResult, LossDrop
from services.evaluator.impostors import ENOUGH_UNSEEN
from services.evaluator.retention.result import Part
from services.evaluator.retention.result import Verdict as Kept

FEW = 8  # passages: with fewer a bootstrap interval is too narrow to be believed
TINY = 1_000_000_000  # parameters: below, a model catches the surface of a style and little of its sense

HARMED = "Training has led away from the author: a gentler learning rate, fewer steps or cleaner text may help."
ALONE = "No other authors’ pages were there to compare with: part of any gain may be prose of this kind in general."
SHARED = "The gain on other authors’ pages is not clearly smaller: it may be prose of this kind more than this author."


class Verdict(BaseModel):
    """One sentence, what it means, and the caveats."""

    sentence: str
    meaning: str
    caveats: list[str]


def judge(result: EvaluateResult, parameters: int | None, parts: Sequence[Part] = ()) -> Verdict:
    """Put the result into words; `parameters` is the size of the model, where it is known, `parts` what it kept."""
    return Verdict(
        sentence=f"{_author(result.author)}{_others(result.others)}",
        meaning=_meaning(result.author),
        caveats=[
            *_comparison(result),
            *_amount(result),
            *([] if _told(result) else [*_impostors(result), *_lost(parts)]),
            *_size(parameters),
        ],
    )


def summarise(result: EvaluateResult) -> str:
    """The result in one line for the log: the change of the loss has its sign, the interval is that of the drop."""
    author = result.author
    joint = "-" if author.low_percent >= 0 else " to "
    interval = f"95 % interval {author.low_percent:.1f}{joint}{author.high_percent:.1f}"
    line = f"Held-out loss {author.base:.2f} -> {author.tuned:.2f} ({-author.drop_percent:+.1f} %, {interval})"
    return line if result.others is None else f"{line}; other authors {-result.others.drop_percent:+.1f} %"


def _told(result: EvaluateResult) -> bool:
    """Whether the verdict on the voice speaks of other authors and of what was lost."""
    return result.voice is not None and result.voice.folded is not None


def _author(drop: LossDrop) -> str:
    low, high = drop.low_percent, drop.high_percent
    if low > 0:
        return _compare(drop.drop_percent, "more", low, high)
    if high < 0:
        return _compare(-drop.drop_percent, "less", -high, -low)
    return (
        "It cannot be told whether the tuned model knows the held-out chapters better than the base model does: "
        f"the gain was {_number(drop.drop_percent)} %, and its 95 % interval, {_range(low, high)} %, touches zero"
    )


def _compare(percent: float, direction: str, low: float, high: float) -> str:
    claim = f"The tuned model finds the held-out chapters {_number(percent)} % {direction} predictable"
    return f"{claim} than the base model does (95 % interval {_range(low, high)} %)"


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
        return [HARMED]
    if others is None:
        return [ALONE]
    if author.low_percent <= 0:
        return []
    return [_own(author, others) if author.low_percent > others.high_percent else SHARED]


def _own(author: LossDrop, others: LossDrop) -> str:
    """The selectivity: what the gain has over that on other authors' pages."""
    points = _number(author.drop_percent - others.drop_percent)
    if others.drop_percent <= 0:
        return "On other authors’ pages there was no gain: what the model has learned is this author in particular."
    return f"The gain is {points} points larger than on other authors’ pages: that much is this author in particular."


def _amount(result: EvaluateResult) -> list[str]:
    sets = [("the author", result.author), ("other authors", result.others)]
    few = [f"{drop.passages} of {whose}" for whose, drop in sets if drop is not None and drop.passages < FEW]
    return [f"Few passages were read ({', '.join(few)}): the interval is narrower than it should be."] if few else []


def _impostors(result: EvaluateResult) -> list[str]:
    """What few other authors mean: the best of them may be far away by luck."""
    unseen = result.unseen_impostors
    if unseen >= ENOUGH_UNSEEN:
        return []
    return [
        f"Of other authors {unseen or 'none'} could be held back to put the voice to the test, and {ENOUGH_UNSEEN} are "
        "needed: it can be called promising at most. `scriptorium impostors install` brings some."
    ]


def _lost(parts: Sequence[Part]) -> list[str]:
    """What training has cost, where something was lost; what could not be shown stands in its own section."""
    return [f"{part.message} {part.next_step}" for part in parts if part.verdict is Kept.FAIL]


def _size(parameters: int | None) -> list[str]:
    if parameters is None or parameters >= TINY:
        return []
    model = f"a tiny model ({parameters / 1e6:.0f} million weights)"
    return [f"This is the statistic of {model}: such a model catches surface habits and stays loose in sense."]


def _range(low: float, high: float) -> str:
    """An interval; with "to" where a dash could be taken for a minus."""
    return f"{_number(low)}{'–' if low >= 0 else ' to '}{_number(high)}"


def _number(percent: float) -> str:
    """One digit after the point below ten, none above; never a minus zero."""
    digits = 1 if abs(percent) < 9.95 else 0
    return f"{round(percent, digits) + 0.0:.{digits}f}".replace("-", "−")
