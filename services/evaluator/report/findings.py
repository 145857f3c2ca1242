"""Everything an evaluation found out: what report.json holds and report.html tells."""

from __future__ import annotations

from pydantic import BaseModel

from scriptorium.contracts import EvaluateResult
from services.evaluator.generation.samples import Decoding
from services.evaluator.generation.vllm_client import Card
from services.evaluator.loss.loss_drop import Scored
from services.evaluator.report.summary import Verdict
from services.evaluator.report.training_losses import Losses
from services.evaluator.retention_outcome import Kept
from services.evaluator.voice_outcome import VoiceOutcome

REPORT = "report.json"


class Settings(BaseModel):
    """How it was measured; `longest_tokens` is where rendered passages were cut, `cut` how many were.

    `prompts` are briefs that every model answered, `calibration` passages that the base wrote from dev briefs, and
    `excerpts` what the base was shown to imitate (no excerpts: it was not asked to). `streams` ran at once per engine.
    """

    decoding: Decoding
    seeds: str
    prompts: int
    calibration: int = 0
    excerpts: list[str] = []
    seen_impostors: list[str] = []
    unseen_impostors: list[str] = []
    streams: int
    longest_tokens: int
    cut: int
    bootstrap_draws: int
    confidence_percent: int = 95
    seed: int


class Passages(BaseModel):
    """The loss of every passage that was read."""

    author: list[Scored]
    others: list[Scored]


class Findings(BaseModel):
    """The whole report but for the samples, which are in samples.jsonl."""

    title: str
    scriptorium: str
    created_at: int
    parameters: int | None
    base: Card
    tuned: Card
    verdict: Verdict
    result: EvaluateResult
    voice: VoiceOutcome
    kept: Kept
    settings: Settings
    passages: Passages
    training: Losses
    samples: str
