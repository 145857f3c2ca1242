"""Rounds: a job merges, serves and evaluates one model in each; a surprising verdict may start another.

Round 1 has the model that calibrating chose, later ones a trial that a decision names. The job ends with one of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from scriptorium.contracts.base import Contract
from scriptorium.contracts.evaluate import VoiceName

VERDICTS: tuple[VoiceName, ...] = ("rejected", "not_measurable", "not_there", "promising", "production")  # worst first
MAX_ROUNDS = 3  # each costs a merge, a start of the engines and an evaluation, and looks at the same test passages
NOTHING = float("-inf")


class TrialChoice(Contract):
    """What a later round merges: a trial of calibrating, with the temperature at which it wrote."""

    step: int
    strength: float
    temperature: float | None = None


class MeasuredModel(Contract):
    """The model of one round and what came out: verdict, folded T with its one-sided 95 % bound, the failed gates.

    `trial` is None in round 1. `answer` is what was decided about a surprising verdict.
    """

    step: int
    strength: float
    temperature: float | None = None
    verdict: VoiceName | None = None
    transfer: float | None = None
    lower_bound: float | None = None
    gates: list[str] = []
    trial: TrialChoice | None = None
    answer: str | None = None

    @property
    def name(self) -> str:
        """The model's name for people."""
        return f"checkpoint {self.step} at strength {self.strength:g}"


class NextRound(Contract):
    """The round that a job goes on with: a new one, or one that was measured before; `settled` if it ends with it."""

    number: int
    trial: TrialChoice | None = None
    settled: bool = False


def best_round(measured: Mapping[int, MeasuredModel]) -> int:
    """Return the round with the best model: by verdict, then by the bound of T and T; of equal ones the first."""
    return max(sorted(measured), key=lambda number: _merit(measured[number]))


def _merit(model: MeasuredModel) -> tuple[int, float, float]:
    rank = VERDICTS.index(model.verdict) if model.verdict else VERDICTS.index("not_measurable")
    bound, transfer = (NOTHING if value is None else value for value in (model.lower_bound, model.transfer))
    return rank, bound, transfer
