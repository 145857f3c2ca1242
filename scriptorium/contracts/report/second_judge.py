"""The second judge in report.json: style by the base's own log-probabilities. docs/voice.md has the definition."""

from __future__ import annotations

from typing import Literal

from scriptorium.contracts.base import Contract
from scriptorium.contracts.report.voice import Estimate, FiniteContract

JudgeAgreement = Literal["agrees", "disagrees", "cannot_tell"]


class MixtureCheck(Contract):
    """What `make bench-voice` found on mixtures of known shares: the largest mean deviation, in points, and when."""

    deviation: float
    date: str


class SecondJudge(FiniteContract):
    """T2 and whether it agrees with T; both as measured, not folded.

    `gap` is what lies between base and author, in nats per token, `gap_bound` its one-sided 95 % bound: if that is not
    above 0, the judge cannot tell the two apart, and so nothing. `impostors` is the T2 of the unseen impostors, all
    together; None if there are none. `caveat` is empty unless the two disagree. `mixtures` is how far the judge can
    be relied on; None if that was not measured.
    """

    prompts: int
    context_tokens: int
    passage_tokens: int
    gap: float
    gap_bound: float
    transfer: Estimate
    impostors: Estimate | None = None
    agreement: JudgeAgreement
    caveat: str = ""
    mixtures: MixtureCheck | None = None
