"""What the numbers of retention mean, and what to do about them.

A pass has to be shown. A loss fails where it is shown and cannot be called small; what lies between is a warning, and
so is a base model that follows too little to lose any of it.
"""

from __future__ import annotations

from services.evaluator.retention.result import Adherence, Following, Part, Perplexity, Verdict

ALLOWED = 1.10  # perplexity of the tuned model over that of the base
STRAYED = 10.0  # points by which adherence to the brief may fall
ENOUGH = 2 * STRAYED / 100  # share that the base must name, so that the loss of half is more than that
GENTLER = "Take an earlier checkpoint, or train with fewer steps or a lower learning rate."
LARGER = "Nothing in the training has to change for this; a larger base model shows whether it keeps what it can do."
ASK = "Have more of them asked: SCRIPTORIUM_EVALUATION_INSTRUCTIONS, 145 at least."
BARELY = "The base hardly keeps to its briefs, so whether that was lost cannot be seen."
MORE = "Ask more instructions, or take an earlier checkpoint and compare."
ORDER = tuple(Verdict)


def worst(parts: tuple[Part, ...]) -> Part:
    """The part that decides; the first of equals."""
    return max(parts, key=lambda part: ORDER.index(part.verdict))


def judge_following(found: Following) -> Part:
    """The verdict on instructions."""
    counts = f"The tuned model follows {found.tuned} of {found.asked} instructions, the base {found.base}"
    bounds = f"{counts}: {_signed(found.change.points)} points, surely above {_signed(found.change.low_points)}"
    limit = f"a loss of {found.margin_points:.1f} points"
    kept = found.change.low_points > -found.margin_points
    if not kept and found.change.high_points < 0:
        message = f"{bounds}. Something was lost, and {limit} is not ruled out."
        return Part(code="instructions_lost", verdict=Verdict.FAIL, message=message, next_step=GENTLER)
    if not found.visible:
        step = ASK if found.needed is None else LARGER
        return Part(code="instructions_unseen", verdict=Verdict.WARN, message=_unseen(found), next_step=step)
    if not kept:
        message = f"{bounds}. No loss was shown, but {limit} is not ruled out."
        return Part(code="instructions_unsure", verdict=Verdict.WARN, message=message, next_step=MORE)
    return Part(code="instructions_kept", verdict=Verdict.PASS, message=f"{bounds}; {limit} is ruled out.")


def judge_reading(found: Perplexity) -> Part:
    """The verdict on neutral text."""
    message = (
        f"On neutral text the tuned model's perplexity is {found.ratio:.3f} times the base's "
        f"(bounds {found.low:.3f} and {found.high:.3f}; allowed {ALLOWED:.2f})."
    )
    if found.ratio > ALLOWED:
        return Part(code="neutral_text_lost", verdict=Verdict.FAIL, message=message, next_step=GENTLER)
    if found.high > ALLOWED:
        return Part(code="neutral_text_unsure", verdict=Verdict.WARN, message=message, next_step=GENTLER)
    return Part(code="neutral_text_kept", verdict=Verdict.PASS, message=message)


def judge_adherence(found: Adherence) -> Part:
    """The verdict on adherence to the briefs; more of it is no accident: a pass however little the base has."""
    message = (
        f"The tuned model names {found.tuned:.0%} of what a brief asks for, the base {found.base:.0%}: "
        f"{_signed(found.points)} points, surely above {_signed(found.low_points)} (allowed {_signed(-STRAYED)})."
    )
    if found.points < -STRAYED:
        return Part(code="briefs_lost", verdict=Verdict.FAIL, message=message, next_step=GENTLER)
    if found.low_points <= 0 and found.base < ENOUGH:
        return Part(code="briefs_unseen", verdict=Verdict.WARN, message=f"{message} {BARELY}", next_step=LARGER)
    if found.low_points <= -STRAYED:
        return Part(code="briefs_unsure", verdict=Verdict.WARN, message=message, next_step=GENTLER)
    return Part(code="briefs_kept", verdict=Verdict.PASS, message=message)


def _unseen(found: Following) -> str:
    if found.needed is None:
        return f"{found.asked} instructions are too few to tell whether any was lost: it cannot be seen."
    accident = found.asked * found.by_chance
    return (
        f"Whether instructions were lost cannot be seen: the base model follows {found.base} of {found.asked}, "
        f"{accident:.0f} of which any text of its would follow by accident. It would take {found.needed} more than "
        f"those to notice the loss of half. The tuned model follows {found.tuned}."
    )


def _signed(points: float) -> str:
    """One digit after the point, with a sign that is no hyphen; never a minus zero."""
    return f"{round(points, 1) + 0.0:+.1f}".replace("-", "−")
