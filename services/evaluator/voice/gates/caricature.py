"""Is it more like the author than the author? Then it exaggerates."""

from __future__ import annotations

from services.evaluator.voice.gates.gate import Gate, grade
from services.evaluator.voice.transfer import CARICATURE, Transfer

NEXT = "Sample at temperature 1, or train for fewer steps."


def check_caricature(transfer: Transfer) -> Gate:
    """Warn where one score is above what single works of an author reach; fail where T is so without doubt."""
    over = [part.score for part in transfer.scores if part.caricature]
    lower = transfer.raw.lower_bound
    outcome = grade(lower > CARICATURE, bool(over))
    return Gate(
        code="caricature",
        outcome=outcome,
        finding=f"Unfolded, T is {transfer.raw.value:.0f} (at least {lower:.0f}); "
        + (f"above {CARICATURE:.0f}: {', '.join(over)}." if over else f"no score is above {CARICATURE:.0f}."),
        next_step="" if outcome == "pass" else NEXT,
        numbers={"raw": transfer.raw.value, "lower_bound": lower, "limit": CARICATURE}
        | {part.score: part.raw.value for part in transfer.scores},
    )
