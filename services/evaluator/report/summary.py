"""The verdict on the loss in plain words, made from the numbers, with its caveats."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scriptorium.contracts import EvaluateResult, FindingsDecision, LossDrop
from scriptorium.contracts.report.document import ReportVerdict
from scriptorium.contracts.report.retention import RetentionPart, RetentionVerdict
from scriptorium.contracts.report.scenes import NewScenes
from scriptorium.contracts.report.voice import VoiceLanguage
from scriptorium.text.languages.language import ENGLISH
from scriptorium.text.shares import format_share
from services.evaluator.impostors import MIN_UNSEEN_IMPOSTORS

MIN_PASSAGES = 8  # with fewer, a bootstrap interval is too narrow to be believed
TINY_PARAMETERS = 1_000_000_000  # a smaller model catches the surface of a style and little of its sense

VOICE_HARMED = "Training has led away from the author: a gentler learning rate, fewer steps or cleaner text may help."
ASKED_IN_ENGLISH = (
    "The instructions that test what was kept are asked in English: whether the model still follows them in {} was not "
    "measured."
)
NO_OTHER_AUTHORS = (
    "There were no other authors’ pages to compare with: part of any gain may come from prose of this kind in general."
)
GAIN_SHARED = (
    "The gain on other authors’ pages is not clearly smaller: the model may have learned this kind of prose more "
    "than this author."
)


def write_verdict(
    result: EvaluateResult,
    parameters: int | None,
    parts: Sequence[RetentionPart] = (),
    *,
    scenes: NewScenes | None = None,
    measured_before: int = 0,
    language: VoiceLanguage | None = None,
) -> ReportVerdict:
    """Put the result into words; `parameters` is the size of the model if known, `parts` the verdicts on retention.

    `measured_before` counts the other models that were measured on the same passages; `language` is the book's.
    """
    return ReportVerdict(
        sentence=f"{_describe_author(result.author)}{_describe_others(result.others)}",
        meaning=_explain_loss(result.author),
        caveats=[
            *_compare_with_others(result),
            *_warn_of_few_passages(result),
            *([] if _voice_measured(result) else [*_warn_of_few_impostors(result), *_list_losses(parts)]),
            *_warn_of_leaks(scenes),
            *_warn_of_choice(measured_before),
            *(_warn_of_language(language) if parts else []),
            *_warn_of_tiny_model(parameters),
        ],
    )


def write_gain(result: EvaluateResult) -> str | None:
    """Say what certainly came through, the gain on held-out chapters; None if the interval touches zero."""
    author, others = result.author, result.others
    if author.low_percent <= 0:
        return None
    beside = f", other authors’ pages {_number(others.drop_percent)} %" if others else ""
    return (
        f"What came through: your held-out chapters became {_number(author.drop_percent)} % more predictable to the "
        f"model{beside}."
    )


def describe_findings(decision: FindingsDecision | None) -> str | None:
    """Say what was decided about debatable findings in the manuscript; None if there were none."""
    if decision is None:
        return None
    share = "it as a whole" if decision.share >= 1 else f"{format_share(decision.share)} of its passages"
    which = "finding, which touches" if decision.count == 1 else "findings, which touch"
    left_out = ", all of them left out of training" if decision.left_out else ""
    found = f"The manuscript was trained with {decision.count} debatable {which} {share}{left_out}."
    if not decision.asked:
        return f"{found} Up to {format_share(decision.tolerated)} are tolerated, so nobody was asked."
    advice = "as advised" if decision.answer == decision.recommended else "against the advice"
    match decision.answered_by:
        case "policy":
            return f"{found} The recipe decided that, {advice}."
        case "nobody":
            return f"{found} Nobody could be asked: that was {advice}."
        case _:
            return f"{found} That was decided {advice}."


def summarise_loss_drop(result: EvaluateResult) -> str:
    """Return the result in one log line: the change of the loss is signed, the interval is that of the drop."""
    author = result.author
    joint = "-" if author.low_percent >= 0 else " to "
    interval = f"95 % interval {author.low_percent:.1f}{joint}{author.high_percent:.1f}"
    line = f"Held-out loss {author.base:.2f} -> {author.tuned:.2f} ({-author.drop_percent:+.1f} %, {interval})"
    return line if result.others is None else f"{line}; other authors {-result.others.drop_percent:+.1f} %"


def _voice_measured(result: EvaluateResult) -> bool:
    """Return whether the verdict on the voice covers other authors and retention."""
    return result.voice is not None and result.voice.folded is not None


def _describe_author(drop: LossDrop) -> str:
    """Describe the drop on the author's held-out chapters."""
    low, high = drop.low_percent, drop.high_percent
    if low > 0:
        return _describe_change(drop.drop_percent, "more", low, high)
    if high < 0:
        return _describe_change(-drop.drop_percent, "less", -high, -low)
    return (
        "It is not clear whether the tuned model knows the held-out chapters better than the base model does: "
        f"the gain was {_number(drop.drop_percent)} %, and its 95 % interval, {_range(low, high)} %, touches zero"
    )


def _describe_change(percent: float, direction: str, low: float, high: float) -> str:
    """Describe a change that the interval shows."""
    claim = f"The tuned model finds the held-out chapters {_number(percent)} % {direction} predictable"
    return f"{claim} than the base model does (95 % interval {_range(low, high)} %)"


def _describe_others(drop: LossDrop | None) -> str:
    """Describe the drop on other authors' pages."""
    return "." if drop is None else f"; other authors’ pages: {_number(drop.drop_percent)} %."


def _explain_loss(drop: LossDrop) -> str:
    """Explain the loss as a number of equally likely choices (its exponential, the perplexity)."""
    base, tuned = (f"{math.exp(loss):,.0f}" for loss in (drop.base, drop.tuned))
    return (
        "Reading chapters that were kept from it, word piece by word piece, the base model hesitates as if between "
        f"{base} equally likely continuations, the tuned model as if between {tuned}."
    )


def _compare_with_others(result: EvaluateResult) -> list[str]:
    """Return a caveat on whether the gain is this author in particular or any prose of the kind."""
    author, others = result.author, result.others
    if author.high_percent < 0:
        return [VOICE_HARMED]
    if others is None:
        return [NO_OTHER_AUTHORS]
    if author.low_percent <= 0:
        return []
    return [_describe_selectivity(author, others) if author.low_percent > others.high_percent else GAIN_SHARED]


def _describe_selectivity(author: LossDrop, others: LossDrop) -> str:
    """Describe how much larger the gain is than that on other authors' pages."""
    points = _number(author.drop_percent - others.drop_percent)
    if others.drop_percent <= 0:
        return "On other authors’ pages there was no gain: what the model has learned is this author in particular."
    return f"The gain is {points} points larger than on other authors’ pages: that much is this author in particular."


def _warn_of_few_passages(result: EvaluateResult) -> list[str]:
    """Return a caveat if an interval rests on too few passages."""
    sets = [("the author", result.author), ("other authors", result.others)]
    few = [f"{drop.passages} of {whose}" for whose, drop in sets if drop is not None and drop.passages < MIN_PASSAGES]
    return [f"Few passages were read ({', '.join(few)}): the interval is narrower than it should be."] if few else []


def _warn_of_few_impostors(result: EvaluateResult) -> list[str]:
    """Return a caveat if there are few other authors: the best of them may be far away by luck."""
    unseen = result.unseen_impostors
    if unseen >= MIN_UNSEEN_IMPOSTORS:
        return []
    return [
        f"Of the other authors, {unseen or 'none'} could be held back to test the voice, and {MIN_UNSEEN_IMPOSTORS} "
        "are needed: it can be called promising at most. `scriptorium impostors install` installs some."
    ]


def _list_losses(parts: Sequence[RetentionPart]) -> list[str]:
    """List what training has cost; what could not be shown has its own section on the page."""
    return [f"{part.message} {part.next_step}" for part in parts if part.verdict is RetentionVerdict.FAIL]


def _warn_of_leaks(scenes: NewScenes | None) -> list[str]:
    """Return a caveat if names of the book turn up in new scenes."""
    return [f"{scenes.finding} {scenes.next_step}"] if scenes and scenes.outcome == "warn" else []


def _warn_of_choice(measured_before: int) -> list[str]:
    """Return a caveat if the model may be the best of several on these passages: some of its lead is then luck."""
    if not measured_before:
        return []
    others = "another model" if measured_before == 1 else f"{measured_before} other models"
    return [
        f"Measured after {others} of the same training, on the same test passages: the better one is kept, so its T is "
        "a little too high."
    ]


def _warn_of_language(language: VoiceLanguage | None) -> list[str]:
    """Return a caveat if the book is not in the language in which the instructions are asked."""
    if language is None or language.code == ENGLISH.code:
        return []
    return [ASKED_IN_ENGLISH.format(language.name if language.code else "the book's language")]


def _warn_of_tiny_model(parameters: int | None) -> list[str]:
    """Return a caveat if the model is tiny."""
    if parameters is None or parameters >= TINY_PARAMETERS:
        return []
    model = f"a tiny model ({parameters / 1e6:.0f} million weights)"
    return [f"These are the numbers of {model}: such a model catches surface habits, but little of the sense."]


def _range(low: float, high: float) -> str:
    """Format an interval; with "to" if a dash could be taken for a minus."""
    return f"{_number(low)}{'–' if low >= 0 else ' to '}{_number(high)}"


def _number(percent: float) -> str:
    """Format a number with one decimal below ten and none above; never a minus zero."""
    digits = 1 if abs(percent) < 9.95 else 0
    return f"{round(percent, digits) + 0.0:.{digits}f}".replace("-", "−")
