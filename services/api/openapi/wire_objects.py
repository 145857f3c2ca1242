"""The objects that the API answers with, as types: OpenAI's names and shapes, and ours under "scriptorium".

They describe what the renderers build; tests validate the one against the other.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from scriptorium.contracts import Decision, Hyperparameters, Integration, Level, Phase, Status, UploadStatus
from scriptorium.contracts.base import JsonNumber
from scriptorium.contracts.delivery import AnnouncementType, DeliveryAttempt, DeliveryState

T = TypeVar("T")


class WireObject(BaseModel):
    """An object on the wire with exactly these keys."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetails(WireObject):
    """What went wrong, where, and what to do."""

    message: str = Field(description="For a person; every problem has a line.")
    type: Literal["invalid_request_error", "server_error"]
    param: str | None
    code: str
    next_step: str | None


class ErrorAnswer(WireObject):
    """The answer to a request that failed."""

    error: ErrorDetails


class PageOf(WireObject, Generic[T]):
    """A page of a list; the next one comes after `last_id`."""

    object: Literal["list"]
    data: list[T]
    has_more: bool
    first_id: str | None
    last_id: str | None


class DeletedObject(WireObject):
    """What was deleted."""

    id: str
    object: str
    deleted: Literal[True]
    scriptorium: dict[str, Any] | None = None


class FileAnswer(WireObject):
    """A file."""

    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"]
    status_details: None


class PartAnswer(WireObject):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"]
    created_at: int
    upload_id: str
    bytes: int | None = None


class UploadExtension(WireObject):
    """The parts that have arrived."""

    parts: list[PartAnswer]


class UploadAnswer(WireObject):
    """An upload in parts."""

    id: str
    object: Literal["upload"]
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: UploadStatus
    file: FileAnswer | None
    scriptorium: UploadExtension | None = None


class JobFailure(WireObject):
    """Why a job failed."""

    code: str
    message: str
    param: str | None
    next_step: str | None


class SupervisedAnswer(WireObject):
    """The hyperparameters of a job, in their present place."""

    hyperparameters: Hyperparameters


class PreferenceValues(Hyperparameters):
    """The hyperparameters of a job that learns from preferences."""

    beta: float


class PreferenceAnswer(WireObject):
    """The same for a job that learns from preferences."""

    hyperparameters: PreferenceValues


class MethodAnswer(WireObject):
    """The training method of a job: its type, and the section of that name."""

    type: Literal["supervised", "dpo"]
    supervised: SupervisedAnswer | None = None
    dpo: PreferenceAnswer | None = None


class JobExtension(WireObject):
    """What a job has beyond OpenAI's API."""

    phase: Phase
    recipe: str
    impostors: str | None
    attempts: dict[Phase, int]
    progress: dict[str, float]
    queue_position: int | None
    pages: dict[str, str] | None
    decision: str | None
    pause_requested: bool
    priority: int
    tags: list[str]
    cloned_from: str | None


class JobAnswer(WireObject):
    """A fine-tuning job."""

    id: str
    object: Literal["fine_tuning.job"]
    created_at: int
    model: str
    organization_id: str
    status: Status
    training_file: str
    validation_file: str | None
    hyperparameters: Hyperparameters
    method: MethodAnswer
    result_files: list[str]
    fine_tuned_model: str | None
    finished_at: int | None
    estimated_finish: int | None
    trained_tokens: int | None
    error: JobFailure | None
    seed: int
    user_provided_suffix: str | None
    integrations: list[Integration]
    metadata: dict[str, str]
    scriptorium: JobExtension


class EventAnswer(WireObject):
    """An event of a job."""

    id: str
    object: Literal["fine_tuning.job.event"]
    created_at: int
    level: Level
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, Any] | None


class CheckpointMetrics(WireObject):
    """The losses of a checkpoint, and its voice once training has ended."""

    step: int
    train_loss: float | None
    valid_loss: float | None
    full_valid_loss: float | None
    selectivity: float | None


class CheckpointAnswer(WireObject):
    """A checkpoint of a job; its name is a model."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"]
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: CheckpointMetrics


class DecisionAnswer(Decision):
    """A question that a job has asked, and its answer."""

    id: str
    object: Literal["decision"]


class DeliveryAnswer(WireObject):
    """A webhook or a notice on its way to one receiver, with every attempt."""

    id: str
    object: Literal["webhook.delivery", "notice.delivery"]
    created_at: int
    event_id: str
    type: AnnouncementType
    job_id: str
    receiver: str
    state: DeliveryState
    attempts: list[DeliveryAttempt]
    next_attempt_at: float | None


class ModelAnswer(WireObject):
    """A model that can answer, with the state of its engine."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    status: Literal["warm", "loading", "cold", "failed"]
    reason: str | None
    parent: str | None
    root: str


Token = Annotated[int, JsonNumber]


class EngineRequest(BaseModel):
    """The body of a request that is passed to an engine, which knows the rest of its keys."""

    model_config = ConfigDict(extra="allow")

    model: str
    stream: StrictBool | None = None
    temperature: float | None = Field(default=None, ge=0, strict=True)
    max_tokens: int | None = Field(default=None, ge=1, strict=True)


class ChatMessage(BaseModel):
    """A turn of a conversation."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(EngineRequest):
    """The body of POST /v1/chat/completions."""

    messages: list[ChatMessage] = Field(min_length=1)
    response_format: dict[str, Any] | None = None


class CompletionRequest(EngineRequest):
    """The body of POST /v1/completions."""

    prompt: str | list[str] | list[Token] | list[list[Token]]


class EngineAnswer(BaseModel):
    """The answer of an engine, as vLLM gives it; with `stream` it is server-sent events."""

    model_config = ConfigDict(extra="allow")

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
