"""Jobs: their phases, status, questions and errors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from scriptorium.contracts.base import Contract, JsonNumber
from scriptorium.contracts.rounds import MeasuredModel, TrialChoice
from scriptorium.identifiers import make_name_part
from scriptorium.patterns import matching
from scriptorium.recipe import Recipe


class Phase(StrEnum):
    """The phases of a job, in order."""

    PREPARE = "prepare"
    TRAIN = "train"
    CALIBRATE = "calibrate"
    MERGE = "merge"
    SERVE = "serve"
    EVALUATE = "evaluate"


class Status(StrEnum):
    """The status of a job, as the fine-tuning API spells it."""

    VALIDATING = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """True if a job in this status never runs again."""
        return self in (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class JobError(Contract):
    """Why a job failed: an error code, a message for a person, and the next step."""

    code: str
    message: str
    param: str | None = None
    next_step: str | None = None


class Hyperparameters(Contract):
    """The three hyperparameters of the hosted fine-tuning API; "auto" keeps the recipe's value."""

    n_epochs: Annotated[int, Field(ge=1, le=50), JsonNumber] | Literal["auto"] = "auto"
    batch_size: Annotated[int, Field(ge=1, le=256), JsonNumber] | Literal["auto"] = "auto"
    learning_rate_multiplier: Annotated[float, Field(gt=0, le=10), JsonNumber] | Literal["auto"] = "auto"


WandbName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128),
    matching(r"[^/\\#?%:\x00-\x1f]+", "a name without / \\ # ? % : and control characters"),
]


class WandbIntegration(Contract):
    """Where at Weights & Biases a job's run is shown; without a name it has the job's id."""

    project: WandbName
    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    entity: WandbName | None = None
    tags: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] = Field(default=[], max_length=16)


class Integration(Contract):
    """Another service that shows a job's numbers, in the shape of OpenAI's API."""

    type: Literal["wandb"]
    wandb: WandbIntegration


class DecisionKind(StrEnum):
    """The questions that a person may be asked; a recipe's `decisions` says for each whether to ask."""

    DATA_QUALITY = "data_quality"
    CHECKPOINT = "checkpoint"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    VERDICT = "verdict"

    @property
    def recurs(self) -> bool:
        """True if the question is asked anew each time it comes up; the next attempt's request has the answer."""
        return self in (DecisionKind.OUT_OF_MEMORY, DecisionKind.DISK_FULL)


class Option(Contract):
    """One answer to a question, and its consequence.

    `changes` are the training options that it sets, all of those that an earlier answer may have set included.
    """

    name: str
    meaning: str
    changes: dict[str, int | bool] = {}


GO_ON_ANSWER, STOP_ANSWER = "go_on", "stop"  # the answers to go on as it is, and to end the job
KEEP_ANSWER = "keep"  # the answer to go on with everything that cleaning left out and that could be story


class Decision(Contract):
    """A question that a phase may not answer by itself, its options, the recommended one, and the reason.

    The first option is what happens if nobody can be asked. If the matter is `harmless`, the recommended one is taken
    without asking. `page` names the job's page that shows what it is about; in the job's record it is an address.
    """

    kind: DecisionKind
    question: str
    reason: str
    options: list[Option]
    recommended: str
    answer: str | None = None
    answered_by: Literal["person", "policy"] | None = None
    harmless: bool = False
    page: str | None = None

    @model_validator(mode="after")
    def check_options(self) -> Self:
        """Refuse a recommendation or an answer that is not among the options."""
        names = [option.name for option in self.options]
        if self.recommended not in names or self.answer not in (None, *names):
            raise ValueError(f"{self.answer or self.recommended!r} is not among the options: {', '.join(names)}")
        return self

    @property
    def taken(self) -> Option | None:
        """The option that was chosen, if there is an answer."""
        return next((option for option in self.options if option.name == self.answer), None)


PRIORITY_SECONDS = 10**9  # one step of priority outweighs any age


class Job(Contract):
    """The record of one fine-tuning job; `version` grows with every update of the store's.

    `attempts` holds the fencing token of each phase; `excused` counts the attempts that a shutdown ended. `impostors`
    is the id of an uploaded .zip of other authors' works, used instead of those on the volume. A `checkpoint` or
    `strength` that is given is not chosen. `sent_at` is when the
    phase was sent, 0 once a worker has claimed it; `hinted_at` is when it was last sent, sent again or claimed.
    `pause_requested` holds from a user's pause until the resume; the status is paused once no worker holds the job.
    `submitted_at` is `created_at` with its fraction of a second: the order of jobs sent at once; 0 in old records.
    `round` counts the models that were merged and measured; from the second on `trial` is what is merged. `measured`
    holds what came out, by round; a job that is `settled` ends with its present round, whatever its verdict.
    `created_by` is the id of the API's key that it was created with, if any.
    `cloned_from` is the job whose request this one repeats, perhaps with changes. `tags` are its user's own words.
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
    strength: float | None = None
    integrations: list[Integration] = []
    status: Status = Status.VALIDATING
    phase: Phase = Phase.PREPARE
    attempts: dict[Phase, int] = {}
    excused: dict[Phase, int] = {}
    submitted_at: float = 0.0
    sent_at: float = 0.0
    priority: int = 0
    hinted_at: float = 0.0
    cancel_requested: bool = False
    pause_requested: bool = False
    finished_at: int | None = None
    estimated_finish: int | None = None
    trained_tokens: int | None = None
    fine_tuned_model: str | None = None
    result_files: list[str] = []
    error: JobError | None = None
    decisions: dict[DecisionKind, Decision] = {}
    round: int = 1
    trial: TrialChoice | None = None
    measured: dict[int, MeasuredModel] = {}
    settled: bool = False
    created_by: str | None = None
    cloned_from: str | None = None
    tags: list[str] = []
    version: int = 0

    @property
    def submitted(self) -> float:
        """When the job was submitted, in seconds since 1970: jobs of the same second have an order, too."""
        return self.submitted_at or float(self.created_at)

    @property
    def rank(self) -> float:
        """The job's place among those that wait for a device, lowest first: by priority, then by time."""
        return self.submitted - self.priority * PRIORITY_SECONDS

    @property
    def claimable(self) -> bool:
        """True if a worker may take the job up; a paused one waits for its user."""
        return not self.status.final and self.status is not Status.PAUSED and not self.pause_requested

    @property
    def pausing(self) -> bool:
        """True if the job is to be paused and a worker may still hold it."""
        return self.pause_requested and not self.status.final and self.status is not Status.PAUSED

    @property
    def open_decision(self) -> Decision | None:
        """The question that the job waits for; None for one that was paused by its user."""
        decisions = self.decisions.values() if self.status is Status.PAUSED else ()
        return next((decision for decision in decisions if not decision.answer), None)

    @property
    def tuned_name(self) -> str:
        """The name of the served tuned model: ft:<base>:<organisation>:<suffix, made safe>:<id>."""
        return f"ft:{self.model}:scriptorium:{make_name_part(self.suffix or '')}:{self.id.removeprefix('ftjob-')}"

    def supersedes(self, other: Job) -> bool:
        """Return whether this record of the job is the later one; of equal versions the one that has ended is."""
        return (self.version, self.status.final) > (other.version, other.status.final)
