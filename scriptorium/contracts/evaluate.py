"""Evaluation: what it is asked, and the few numbers that go with the job."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scriptorium.contracts.base import Contract
from scriptorium.contracts.serve import Endpoint


class EvaluateRequest(Contract):
    """A dataset with held-out briefs and two endpoints to ask; `metrics` is training's metrics.jsonl.

    At most `prompts` briefs, answers of `max_tokens` tokens, so many verifiable `instructions` (0: none), `streams`
    requests at once per engine. `seeded` says that the engines take seeds. `alike` names other authors of the same
    period and genre.
    """

    dataset: Path
    tokenizer: Path
    base: Endpoint
    tuned: Endpoint
    metrics: Path
    title: str
    prompts: int = 48
    passages: int = 24
    max_tokens: int = 800
    instructions: int = 192
    alike: list[str] = []
    streams: int = 128
    seeded: bool = False
    seed: int = 42


class LossDrop(Contract):
    """Loss per token (nats) of base and tuned on the same passages, and the drop in percent with a 95 % interval."""

    passages: int
    base: float
    tuned: float
    drop_percent: float
    low_percent: float
    high_percent: float


VoiceName = Literal["production", "promising", "not_there", "not_measurable", "rejected"]


class VoiceScore(Contract):
    """How much of the voice came through: T, 0 for the base and 100 for the author; None where not measured.

    `folded` is the headline with its 95 % interval and its one-sided `lower_bound`; `auc` tells tuned from genuine
    text, `prompted` is the base that was asked to imitate, `impostor` the T of the `closest` unseen author.
    """

    verdict: VoiceName
    transfer: float | None = None
    folded: float | None = None
    low: float | None = None
    high: float | None = None
    lower_bound: float | None = None
    auc: float | None = None
    prompted: float | None = None
    impostor: float | None = None
    closest: str | None = None


class EvaluateResult(Contract):
    """How much of the held-out text became more likely, for the author and (if there are any) for other authors.

    `samples` briefs were answered by both models; `unseen_impostors` other authors are left to test a voice with.
    `retention` says whether it was shown that nothing else was lost, `voice` how much of the voice came through.
    """

    author: LossDrop
    others: LossDrop | None
    samples: int
    unseen_impostors: int = 0
    retention: Literal["pass", "warn", "fail"] | None = None
    voice: VoiceScore | None = None
