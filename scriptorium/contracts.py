"""What travels between rooms: jobs, phases, checkpoints, and a request and a result per phase. Pydantic only.

Every path in a request is absolute and was chosen by us, never by a user. Every result is small enough for a manifest.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scriptorium.measured import Base
from scriptorium.recipe import Chunking, Export, Mix, Prompt, Recipe, Select, Split, Training


class Contract(BaseModel):
    """An immutable value that rejects keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(StrEnum):
    """The five phases of a job, in order."""

    PREPARE = "prepare"
    TRAIN = "train"
    MERGE = "merge"
    SERVE = "serve"
    EVALUATE = "evaluate"


class Status(StrEnum):
    """The status of a job, as the fine-tuning wire spells it."""

    VALIDATING = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether a job in this status will never run again."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class JobError(Contract):
    """Why a job failed: a code of a closed list, words for a person, and what to do next."""

    code: str
    message: str
    param: str | None = None
    next_step: str | None = None


class Hyperparameters(Contract):
    """The three knobs of the hosted fine-tuning API; "auto" leaves the recipe's value."""

    n_epochs: Annotated[int, Field(ge=1, le=50)] | Literal["auto"] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=256)] | Literal["auto"] = "auto"
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=10)] | Literal["auto"] = "auto"


class DecisionKind(StrEnum):
    """What a person may be asked; a recipe's `decisions` says for each whether to ask."""

    DATA_QUALITY = "data_quality"
    CHECKPOINT = "checkpoint"


class Option(Contract):
    """One answer to a question, and what it leads to."""

    name: str
    meaning: str


class Decision(Contract):
    """A question that a phase may not answer by itself, the answers there are, the recommended one, and why.

    The first option goes on as if nothing had been asked.
    """

    kind: DecisionKind
    question: str
    reason: str
    options: list[Option]
    recommended: str
    answer: str | None = None
    answered_by: Literal["person", "policy"] | None = None

    @model_validator(mode="after")
    def known(self) -> Self:
        """What is recommended or answered must be among the options."""
        names = [option.name for option in self.options]
        if self.recommended not in names or self.answer not in (None, *names):
            raise ValueError(f"{self.answer or self.recommended!r} is not among the options: {', '.join(names)}")
        return self


class Job(Contract):
    """Everything that is known of one fine-tuning job.

    `attempts` holds the fencing token of each phase; `excused` counts the attempts that a shutdown ended.
    `impostors` is an uploaded .zip of other authors' works, to be used instead of those on the volume.
    """

    id: str
    created_at: int
    model: str
    training_file: str
    validation_file: str | None = None
    impostors: str | None = None
    suffix: str | None = None
    seed: int = 42
    metadata: dict[str, str] = {}
    recipe: Recipe
    hyperparameters: Hyperparameters
    checkpoint: int | None = None
    status: Status = Status.VALIDATING
    phase: Phase = Phase.PREPARE
    attempts: dict[Phase, int] = {}
    excused: dict[Phase, int] = {}
    sent_at: float = 0.0
    cancel_requested: bool = False
    finished_at: int | None = None
    estimated_finish: int | None = None
    trained_tokens: int | None = None
    fine_tuned_model: str | None = None
    result_files: list[str] = []
    error: JobError | None = None
    decisions: dict[DecisionKind, Decision] = {}

    @property
    def tuned_name(self) -> str:
        """The name under which the tuned model is served: ft:<base>:<organisation>:<suffix>:<id>."""
        return f"ft:{self.model}:scriptorium:{self.suffix or ''}:{self.id.removeprefix('ftjob-')}"


class Checkpoint(Contract):
    """A saved state of the adapter and the losses seen there.

    `selectivity`: what the author's held-out passages have gained over other authors', nats a token.
    """

    step: int
    created_at: int
    train_loss: float | None = None
    dev_loss: float | None = None
    selectivity: float | None = None


class EventType(StrEnum):
    """The two kinds of event on the wire."""

    MESSAGE = "message"
    METRICS = "metrics"


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Event(Contract):
    """One line of a job's story: `message` for people, `data` for machines. `id` is given by the store."""

    id: str = ""
    created_at: int
    level: Level = Level.INFO
    type: EventType = EventType.MESSAGE
    message: str
    data: dict[str, Any] = {}


class StoredFile(Contract):
    """An uploaded or produced file, as the files API shows it."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sha256: str


class Endpoint(Contract):
    """Where a served model answers: an engine's base URL (without /v1) and the model's name there."""

    url: str
    model: str


class PrepareRequest(Contract):
    """A manuscript and how to cut it; lengths are in the unit of `chunking`.

    `prompt` and `mix` say what asks for the training passages; held-out ones always have briefs. A training row of
    more than `sequence_len` tokens would be cut or left out, so no prompt is made that long. Without a `brief_writer`
    briefs are extracted. `impostors` is a folder or an uploaded .zip, by its name, with a file or folder per author.
    """

    manuscript: Path
    filename: str
    base: Path
    prompt: Prompt
    mix: Mix = {"brief": 1.0}
    brief_writer: Endpoint | None = None
    sequence_len: int = 4096
    chunking: Chunking
    split: Split
    references: Path | None = None
    impostors: Path | None = None
    impostors_name: str = ""
    seed: int = 42


class TokenStatistics(Contract):
    """How long the passages of a split are, in tokens."""

    examples: int
    mean: float
    minimum: int
    maximum: int
    total: int


class Severity(StrEnum):
    """What a finding does to a job: fails it, asks a person, or is only told."""

    SERIOUS = "serious"
    DEBATABLE = "debatable"
    NOTE = "note"


class Finding(Contract):
    """Something a person should know about the data: a code, where it is, what was seen, and what to do."""

    code: str
    place: str
    message: str
    severity: Severity = Severity.NOTE
    next_step: str = ""


class Change(Contract):
    """One thing that cleaning changed: where ("book.txt:12" is a file and its line), and the text before and after."""

    place: str
    before: str
    after: str = ""


class CleaningStep(Contract):
    """One kind of change that cleaning makes, how often it made it, and the first few examples."""

    name: str
    meaning: str
    count: int
    examples: list[Change] = []


class PrepareResult(Contract):
    """What the dataset folder holds, split by split ("all", "train", "dev", "test", "reference")."""

    words: int
    chapters: int
    splits: dict[str, TokenStatistics]
    steps: list[CleaningStep] = []
    findings: list[Finding] = []


class TrainRequest(Contract):
    """A prepared dataset, a base model and how to train."""

    dataset: Path
    base: Path
    training: Training
    seed: int = 42


class TrainResult(Contract):
    """What training left: its checkpoints, the first and last training loss, and what it cost.

    `base_hashes` holds the SHA-256 of the base's weights by file name, so that nothing else is merged with later.
    """

    checkpoints: list[Checkpoint]
    first_loss: float | None
    last_loss: float | None
    steps: int
    trained_tokens: int
    seconds: float
    base_hashes: dict[str, str] = {}


class MergeRequest(Contract):
    """The folder of a finished training and the base it started from; `checkpoint` None means the best one.

    `base_hashes` holds the SHA-256 of the base's files by name, where training has recorded them; `exports` are formats
    that the merged model is written in besides.
    """

    base: Path
    training: Path
    checkpoint: int | None = None
    select: Select = "loss"
    base_hashes: dict[str, str] = {}
    exports: list[Export] = []


class MergeProof(Contract):
    """What was read back and compared before publishing; a model that differs anywhere is not published.

    Merged values were computed once more, sampled ones in fp64, too; identical bytes are those of untouched tensors.
    `size_ratio` is the merged model's size over the base's.
    """

    merged_values: int
    sampled_values: int
    identical_bytes: int
    size_ratio: float


class MergeResult(Contract):
    """What was merged: the checkpoint's step, the base it was merged onto, and the dev loss on each base there was.

    Then tensors updated, copied and replaced whole; bytes written, seconds. `resumed_shards` were taken over from an
    earlier attempt, `hashed_shards` of the base had a known hash. `vocabulary` is the number of rows of the embeddings,
    `tokens` how many of them the tokenizer uses; `exports` are files of other formats.
    """

    step: int
    dev_loss: float | None
    base: Base = "stored"
    base_losses: dict[Base, float] = {}
    merged_tensors: int
    copied_tensors: int
    saved_tensors: int = 0
    bytes: int
    seconds: float
    resumed_shards: int = 0
    hashed_shards: int = 0
    vocabulary: int | None = None
    tokens: int | None = None
    exports: list[str] = []
    proof: MergeProof | None = None


class ServeRequest(Contract):
    """The two models that must answer side by side, and the names under which they do.

    `measured` says what base and adapter said, not merged (see `scriptorium.measured`); the merged model, which has the
    base `merged_on`, must say the same.
    """

    base: Path
    base_name: str
    merged: Path
    adapter: Path
    tuned_name: str
    measured: Path | None = None
    merged_on: Base = "stored"


class Agreement(Contract):
    """Merged model against base and adapter: the share of equal likeliest tokens, the mean difference in nats.

    `effect` is how much of what the adapter changes is in the merged model: 1 is all of it, 0 is the base, 2 is twice.
    None where the adapter changes too little to tell.
    """

    tokens: int
    token_agreement: float
    mean_difference: float
    effect: float | None


class ServeResult(Contract):
    """Both endpoints, the tuned model's answer to the canary prompt, and how near the merge is to its adapter."""

    base: Endpoint
    tuned: Endpoint
    canary: str
    seconds: float
    agreement: Agreement | None = None


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


Result = PrepareResult | TrainResult | MergeResult | ServeResult | EvaluateResult
Request = PrepareRequest | TrainRequest | MergeRequest | ServeRequest | EvaluateRequest
