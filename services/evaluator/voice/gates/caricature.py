"""The gate against exaggeration: text that is more like the author than the author's own."""

from __future__ import annotations

from scriptorium.contracts.report.voice import Gate, Transfer
from services.evaluator.voice.gates.gate import grade
from services.evaluator.voice.transfer import CARICATURE

NEXT_STEP = "Merge with a lower strength, sample at a higher temperature, or train for fewer steps."


def check_caricature(transfer: Transfer) -> Gate:
    """Warn if one score is above what single works of an author reach; fail if T is above it without doubt."""
    too_high = [part.score for part in transfer.scores if part.caricature]
    lower = transfer.raw.lower_bound
    outcome = grade(lower > CARICATURE, bool(too_high))
    return Gate(
        code="caricature",
        outcome=outcome,
        finding=f"Unfolded, T is {transfer.raw.value:.0f} (at least {lower:.0f}); "
        + (f"above {CARICATURE:.0f}: {', '.join(too_high)}." if too_high else f"no score is above {CARICATURE:.0f}."),
        next_step="" if outcome == "pass" else NEXT_STEP,
        numbers={"raw": transfer.raw.value, "lower_bound": lower, "limit": CARICATURE}
        | {part.score: part.raw.value for part in transfer.scores},
    )
