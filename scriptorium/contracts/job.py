"""Jobs: their phases, status, questions and errors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from scriptorium.contracts.base import Contract
from scriptorium.recipe import Recipe


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
