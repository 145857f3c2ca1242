"""The report of an evaluation on the volume: its file names, and the schemas of report.json and samples.jsonl.

The evaluator writes the files; its page, the API's comparison and the blind reading read them. Field names are those of
the files and must not change.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from scriptorium.contracts.base import Message
from scriptorium.contracts.calibrate import CalibrateResult
from scriptorium.contracts.evaluate import EvaluateResult
from scriptorium.contracts.prepare import FindingsDecision
from scriptorium.contracts.report.retention import RetentionOutcome
from scriptorium.contracts.report.rewriting import Rewriting
from scriptorium.contracts.report.scenes import NewScenes
from scriptorium.contracts.report.second_judge import SecondJudge
from scriptorium.contracts.report.voice import VoiceOutcome
from scriptorium.contracts.serve import ServeProof
from scriptorium.contracts.train import ReplayResult

REPORT = "report.json"
REPORT_PAGE = "report.html"
SAMPLES = "samples.jsonl"  # a line per passage

# Without these, vLLM takes the defaults of a model's generation_config.json (such as a top_p of 0.9), which would cut
# off part of the distribution that is measured.
FULL_DISTRIBUTION = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}

Role = Literal["base", "tuned", "prompted"]
Split = Literal["dev", "test", "scene"]


class ModelInfo(BaseModel):
    """An engine's model and version; the length is that of prompt and answer together, in tokens."""

    model: str
    max_model_len: int | None
    version: str | None


class Decoding(BaseModel):
    """The sampling parameters of a passage. A temperature below the calibrated one makes a caricature of a voice."""

    temperature: float = 1.0
    top_p: float = FULL_DISTRIBUTION["top_p"]
    top_k: int = int(FULL_DISTRIBUTION["top_k"])
    min_p: float = FULL_DISTRIBUTION["min_p"]
    repetition_penalty: float = FULL_DISTRIBUTION["repetition_penalty"]
    max_tokens: int


class Sample(BaseModel):
    """One passage: its writer, its brief, the exact prompt, the answer, and the genuine text of the author.

    `index` counts the briefs of a split; `engine` is vLLM's version, `model` the name that it serves. A new scene
    (split "scene") has no genuine text and no chapter.
    """

    role: Role
    split: Split
    index: int
    chapter: str
    author: str
    brief: str
    messages: list[Message]
    text: str
    finish_reason: str | None
    tokens: int | None
    decoding: Decoding
    seed: int | None
    model: str
    engine: str | None
    genuine: str

    @property
    def key(self) -> tuple[Role, Split, int]:
        """The key that identifies a sample."""
        return self.role, self.split, self.index


class WrittenText(BaseModel):
    """A text in a PairedSample."""

    text: str


class PairedSample(BaseModel):
    """A line of samples.jsonl in its earlier form: what base and tuned wrote from one test brief."""

    index: int
    chapter: str
    author: str
    genuine: str
    base: WrittenText
    tuned: WrittenText


class PassageLoss(BaseModel):
    """Summed loss (nats) of one passage under both models, over `tokens` tokens."""

    author: str
    chapter: str
    tokens: int
    cut: bool
    base: float
    tuned: float


class PassageLosses(BaseModel):
    """The losses of all measured passages."""

    author: list[PassageLoss]
    others: list[PassageLoss]


class LossPoint(BaseModel):
    """A loss (nats per token) after `step` updates."""

    step: int
    loss: float


class TrainingLosses(BaseModel):
    """The loss on the training text and on the dev chapters, by step; or that on preferences, which is another one."""

    train: list[LossPoint] = []
    dev: list[LossPoint] = []
    preferences: bool = False


class EvaluationSettings(BaseModel):
    """The settings of the measurement; `longest_tokens` is the cut-off of rendered passages, `cut` how many were cut.

    `decoding` is the tuned model's. The base wrote at `base_temperature`: of all `base_temperatures` the one at which
    its passages from dev briefs were nearest to the author. `prompts` is the number of briefs that every model
    answered, `calibration` the number of passages that the base wrote from dev briefs. `excerpts` were shown to the
    base to imitate (empty: it was not asked to). `streams` is the number of concurrent requests per engine.
    """

    decoding: Decoding
    base_temperature: float = 1.0
    base_temperatures: list[float] = [1.0]
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


class ReportVerdict(BaseModel):
    """The verdict in one sentence, its meaning, and the caveats."""

    sentence: str
    meaning: str
    caveats: list[str]


class Report(BaseModel):
    """The content of report.json. `kept` is the outcome of retention; the passages themselves are in samples.jsonl.

    `title` is the book's, `suffix` the user's own name for the model. `findings` is what was decided about debatable
    findings in the manuscript; None if there were none.
    `replay` is what was replayed in training; None if nothing was.
    `second_judge` is another judgement of the voice; None if it was not measured.
    `calibration` says how the strength and the temperature were chosen; None if nothing was calibrated.
    `scenes` is the leak rate in new scenes; None if none were asked for.
    `served` is what was found out about the tuned model as it is served; None if a job of an older version was.
    `rewriting` is what rewritten drafts keep of their content; None if none were rewritten.
    """

    title: str
    suffix: str = ""
    scriptorium: str
    created_at: int
    parameters: int | None
    base: ModelInfo
    tuned: ModelInfo
    verdict: ReportVerdict
    result: EvaluateResult
    voice: VoiceOutcome
    second_judge: SecondJudge | None = None
    kept: RetentionOutcome
    calibration: CalibrateResult | None = None
    settings: EvaluationSettings
    passages: PassageLosses
    training: TrainingLosses
    samples: str
    replay: ReplayResult | None = None
    scenes: NewScenes | None = None
    rewriting: Rewriting | None = None
    served: ServeProof | None = None
    findings: FindingsDecision | None = None
