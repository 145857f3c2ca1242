"""Evaluation: its request, and the few numbers that the job keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from scriptorium.contracts.base import Contract
from scriptorium.contracts.calibrate import CalibrateResult
from scriptorium.contracts.prepare import FindingsDecision
from scriptorium.contracts.serve import Endpoint, ServeProof
from scriptorium.contracts.train import ReplayResult


class EvaluateRequest(Contract):
    """A dataset with held-out briefs, and the endpoints of both models; `metrics` is the metrics.jsonl of training.

    Limits: `prompts` briefs, `passages` whose loss is measured, answers of `max_tokens` tokens, `instructions`, new
    `scenes` and `rewrites` of drafts (0: none), `judged_prompts` briefs that the second judge reads (0: it is not
    asked), `streams` concurrent requests per engine. `seeded` means that the engines accept seeds. `alike` names other
    authors of the same period and genre. The models write at their temperatures, which calibrating found on dev briefs.
    `replay` is what was replayed in training, so that the kinds of instruction that it resembled are judged apart.
    `title` is the book's, `suffix` the user's own name for the model. `findings` is what was decided about debatable
    findings in the manuscript.
    `measured_before` counts the other models of this job that were measured on the same test passages. `served` is what
    serving found out about the tuned model.
    """

    dataset: Path
    tokenizer: Path
    base: Endpoint
    tuned: Endpoint
    metrics: Path
    title: str
    suffix: str = ""
    findings: FindingsDecision | None = None
    prompts: int = 48
    passages: int = 24
    max_tokens: int = 800
    instructions: int = 192
    scenes: int = 24
    judged_prompts: int = 24
    rewrites: int = 16
    alike: list[str] = []
    streams: int = 128
    seeded: bool = False
    temperature: float = 1.0
    base_temperature: float = 1.0
    replay: ReplayResult | None = None
    calibration: CalibrateResult | None = None
    measured_before: int = 0
    served: ServeProof | None = None
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
    """How much of the voice came through: T, 0 for the base and 100 for the author; None if not measured.

    `folded` is the headline with its 95 % interval and its one-sided `lower_bound`. `auc` is how well tuned and genuine
    text can be told apart, `prompted` the T of the base asked to imitate, `impostor` the T of the `closest` unseen
    author. `gates` are the codes of the gates that failed.
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
    gates: list[str] = []


class EvaluateResult(Contract):
    """How much more likely held-out text became, for the author and (if there are any) for other authors.

    `samples` is the number of briefs that both models answered, `unseen_impostors` the number of other authors left to
    test a voice with. `retention` is the verdict on whether anything else was lost, `voice` the score of the voice.
    `leak_rate` is the share (0 to 1) of new scenes with names of the book; None if not measured.
    """

    author: LossDrop
    others: LossDrop | None
    samples: int
    unseen_impostors: int = 0
    retention: Literal["pass", "warn", "fail"] | None = None
    voice: VoiceScore | None = None
    leak_rate: float | None = None
