"""The verdicts on the numbers of retention, and the next steps.

A pass has to be shown. A loss fails if it is shown and cannot be called small. Anything in between is a warning, and so
is a base model that follows too little to lose any of it.
"""

from __future__ import annotations

from scriptorium.contracts.report.retention import Adherence, Following, Perplexity, RetentionPart, RetentionVerdict

MAX_PERPLEXITY_RATIO = 1.10  # perplexity of the tuned model over that of the base
MAX_ADHERENCE_LOSS = 10.0  # points
MIN_BASE_ADHERENCE = 2 * MAX_ADHERENCE_LOSS / 100  # with this share, losing half of it is more than the allowed loss
TRAIN_GENTLER = "Take an earlier checkpoint, or train with fewer steps or a lower learning rate."
USE_LARGER_BASE = (
    "Nothing in the training has to change; a larger base model would show whether it keeps what it can do."
)
ASK_ENOUGH = "Ask more instructions: set SCRIPTORIUM_EVALUATION_INSTRUCTIONS to at least 145."
REPLAY_MORE = "Replay more (training.keep), take an earlier checkpoint, or train with a lower learning rate."
ASK_MORE = "Ask more instructions, or take an earlier checkpoint and compare."
BASE_TOO_WEAK = "The base hardly keeps to its briefs, so a loss of that cannot be seen."
VERDICT_ORDER = tuple(RetentionVerdict)


def worst(parts: tuple[RetentionPart, ...]) -> RetentionPart:
    """Return the part that decides; the first of equals."""
    return max(parts, key=lambda part: VERDICT_ORDER.index(part.verdict))


def judge_instructions(following: Following) -> RetentionPart:
    """Judge how many instructions are still followed."""
    change = following.change
    counts = f"The tuned model follows {following.tuned} of {following.asked} instructions, the base {following.base}"
    bounds = f"{counts}: {_signed(change.points)} points, surely above {_signed(change.low_points)}"
    limit = f"a loss of {following.margin_points:.1f} points"
    ruled_out = change.low_points > -following.margin_points
    if not ruled_out and change.high_points < 0:
        return RetentionPart(
            code="instructions_lost",
            verdict=RetentionVerdict.FAIL,
            message=f"{bounds}. Something was lost, and {limit} is not ruled out.",
            next_step=TRAIN_GENTLER,
        )
    if not following.visible:
        return RetentionPart(
            code="instructions_unseen",
            verdict=RetentionVerdict.WARN,
            message=_explain_unseen(following),
            next_step=ASK_ENOUGH if following.needed is None else USE_LARGER_BASE,
        )
    if not ruled_out:
        return RetentionPart(
            code="instructions_unsure",
            verdict=RetentionVerdict.WARN,
            message=f"{bounds}. No loss was shown, but {limit} is not ruled out.",
            next_step=ASK_MORE,
        )
    return RetentionPart(
        code="instructions_kept", verdict=RetentionVerdict.PASS, message=f"{bounds}; {limit} is ruled out."
    )


def judge_unseen_kinds(following: Following) -> list[RetentionPart]:
    """Warn if a loss is shown in the kinds that no replayed request resembled: practice may hide it in the whole."""
    unseen = following.unseen
    if unseen is None or unseen.change.high_points >= 0 or unseen.change.low_points > -unseen.margin_points:
        return []
    message = (
        "Of the kinds of instruction that were not replayed, the tuned model follows "
        f"{unseen.tuned} of {unseen.asked}, the base {unseen.base}: {_signed(unseen.change.points)} points, surely "
        f"below {_signed(unseen.change.high_points)}. Something was lost there, and a loss of "
        f"{unseen.margin_points:.1f} points is not ruled out."
    )
    return [
        RetentionPart(code="unseen_kinds_lost", verdict=RetentionVerdict.WARN, message=message, next_step=REPLAY_MORE)
    ]


def judge_perplexity(perplexity: Perplexity) -> RetentionPart:
    """Judge the perplexity on neutral text."""
    message = (
        f"On neutral text the tuned model's perplexity is {perplexity.ratio:.3f} times the base's "
        f"(bounds {perplexity.low:.3f} and {perplexity.high:.3f}; allowed {MAX_PERPLEXITY_RATIO:.2f})."
    )
    if perplexity.ratio > MAX_PERPLEXITY_RATIO:
        return RetentionPart(
            code="neutral_text_lost", verdict=RetentionVerdict.FAIL, message=message, next_step=TRAIN_GENTLER
        )
    if perplexity.high > MAX_PERPLEXITY_RATIO:
        return RetentionPart(
            code="neutral_text_unsure", verdict=RetentionVerdict.WARN, message=message, next_step=TRAIN_GENTLER
        )
    return RetentionPart(code="neutral_text_kept", verdict=RetentionVerdict.PASS, message=message)


def judge_adherence(adherence: Adherence) -> RetentionPart:
    """Judge the adherence to the briefs; a shown gain is no accident, so it passes however little the base has."""
    message = (
        f"The tuned model names {adherence.tuned:.0%} of what a brief asks for, the base {adherence.base:.0%}: "
        f"{_signed(adherence.points)} points, surely above {_signed(adherence.low_points)} "
        f"(allowed {_signed(-MAX_ADHERENCE_LOSS)})."
    )
    if adherence.points < -MAX_ADHERENCE_LOSS:
        return RetentionPart(
            code="briefs_lost", verdict=RetentionVerdict.FAIL, message=message, next_step=TRAIN_GENTLER
        )
    if adherence.low_points <= 0 and adherence.base < MIN_BASE_ADHERENCE:
        return RetentionPart(
            code="briefs_unseen",
            verdict=RetentionVerdict.WARN,
            message=f"{message} {BASE_TOO_WEAK}",
            next_step=USE_LARGER_BASE,
        )
    if adherence.low_points <= -MAX_ADHERENCE_LOSS:
        return RetentionPart(
            code="briefs_unsure", verdict=RetentionVerdict.WARN, message=message, next_step=TRAIN_GENTLER
        )
    return RetentionPart(code="briefs_kept", verdict=RetentionVerdict.PASS, message=message)


def _explain_unseen(following: Following) -> str:
    """Explain why a loss of instructions cannot be seen."""
    if following.needed is None:
        return f"{following.asked} instructions are too few to show whether any were lost."
    by_accident = following.asked * following.by_chance
    return (
        f"Whether instructions were lost cannot be seen: the base model follows {following.base} of {following.asked}, "
        f"and any text that it writes would follow {by_accident:.0f} by accident. It must follow {following.needed} "
        f"more than by accident for a loss of half to be noticed. The tuned model follows {following.tuned}."
    )


def _signed(points: float) -> str:
    """Format points with one decimal and a sign that is not a hyphen; never a minus zero."""
    return f"{round(points, 1) + 0.0:+.1f}".replace("-", "−")
