"""From the body of POST /v1/fine_tuning/jobs to a job: all that is wrong is said at once; repeated, it is made once."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from scriptorium.artifacts.file_store import Files
from scriptorium.contracts import Hyperparameters, Job
from scriptorium.errors import Conflict, JobMissing
from scriptorium.jobs.runner import Context
from scriptorium.models.base_models import check_model
from scriptorium.process.child import wait_until
from scriptorium.recipe import Recipe, find_recipe
from services.api.errors import as_value_error, gather

KEY_LIFE = timedelta(hours=24)
RECORDING = timedelta(seconds=2)  # between a request's fingerprint and its job's record lies one write to the volume

Suffix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Key = Annotated[str, StringConstraints(max_length=64)]
Value = Annotated[str, StringConstraints(max_length=512)]


class Part(BaseModel):
    """A part of the request; unknown keys are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Supervised(Part):
    """Supervised fine-tuning's own section."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Method(Part):
    """How to train: supervised is the only method here."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: Any = None
    reinforcement: Any = None

    @field_validator("type")
    @classmethod
    def offered(cls, value: str) -> str:
        """Refuse what the hosted API has and we have not."""
        if value != "supervised":
            raise ValueError(f"{value} is not offered here, only supervised fine-tuning is")
        return value


class CreateJob(Part):
    """The body of POST /v1/fine_tuning/jobs. Validated with the process's context, which knows what there is."""

    model: str
    training_file: str
    validation_file: str | None = None
    impostors: str | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    suffix: Suffix | None = None
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    metadata: dict[Key, Value] | None = Field(default=None, max_length=16)
    integrations: list[Any] | None = Field(default=None)
    recipe: Recipe = Field(default=None, validate_default=True)  # its validator finds it
    checkpoint: int | None = Field(default=None, ge=1)

    @field_validator("model")
    @classmethod
    def known_model(cls, value: str, info: ValidationInfo[Context]) -> str:
        """The base model must be one that can be had."""
        with as_value_error():
            check_model(value, info.context.volume.models)
        return value

    @field_validator("training_file", "impostors")
    @classmethod
    def known_file(cls, value: str | None, info: ValidationInfo[Context]) -> str | None:
        """The manuscript, and other authors' works where they are given, must have been uploaded."""
        with as_value_error():
            return value if value is None else Files(info.context.volume.files).get(value).id

    @field_validator("validation_file")
    @classmethod
    def no_validation_file(cls, value: str | None) -> str | None:
        """Whole chapters of the manuscript are held out instead."""
        if value is not None:
            raise ValueError("is not supported: whole chapters of the manuscript are held out instead; leave it out")
        return value

    @field_validator("integrations")
    @classmethod
    def no_integrations(cls, value: list[Any] | None) -> list[Any] | None:
        """Refuse rather than silently ignore."""
        if value:
            raise ValueError("are not supported; leave them out")
        return value

    @field_validator("recipe", mode="before")
    @classmethod
    def named_recipe(cls, value: Any, info: ValidationInfo[Context]) -> Any:
        """A name stands for a file of recipes/; none stands for the default recipe."""
        settings = info.context.settings
        if value is not None and not isinstance(value, str):
            return value
        with as_value_error():
            return find_recipe(value or settings.default_recipe, settings.recipes_dir)

    @model_validator(mode="after")
    def one_place(self) -> CreateJob:
        """Hyperparameters are given under `method` or, as of old, at the top; not in both."""
        if self.hyperparameters and self.method and self.method.supervised:
            raise ValueError("give hyperparameters under method.supervised or at the top, not both")
        return self

    @property
    def wished(self) -> Hyperparameters:
        """The hyperparameters, wherever they were given."""
        supervised = self.method.supervised if self.method else None
        return supervised.hyperparameters if supervised else self.hyperparameters or Hyperparameters()


def create_job(body: dict[str, Any], context: Context, key: str | None) -> Job:
    """Make the job that `body` asks for, or return the one that an equal request made shortly before.

    `key` is the client's Idempotency-Key. Raises InvalidRequest or a kin of it with every problem at once, and
    Conflict where the key came with another body before.
    """
    job = read_job(body, context)
    window = KEY_LIFE if key else context.settings.repeat_window
    made = submit_once(context, job, fingerprint(body, key), window)
    if made.id != job.id and key and not equal(made, job):
        raise Conflict("This Idempotency-Key came with another request before.", next_step="Use a new key.")
    return made


def read_job(body: dict[str, Any], context: Context) -> Job:
    """The job that `body` describes."""
    try:
        request = CreateJob.model_validate(body, context=context)
    except ValidationError as error:
        raise gather(error.errors()) from None
    return Job(
        id=f"ftjob-{secrets.token_hex(12)}",
        created_at=int(time.time()),
        model=request.model,
        training_file=request.training_file,
        impostors=request.impostors,
        suffix=request.suffix,
        metadata=request.metadata or {},
        recipe=request.recipe,
        hyperparameters=request.wished,
        checkpoint=request.checkpoint,
        **({} if request.seed is None else {"seed": request.seed}),
    )


def fingerprint(body: dict[str, Any], key: str | None) -> str:
    """What equal requests have in common: their key if they have one, else every value of the body."""
    text = f"key {key}" if key else json.dumps(body, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def submit_once(context: Context, job: Job, mark: str, window: timedelta) -> Job:
    """Submit `job` unless a request with the same mark was first; then return that one's job."""
    jobs = context.store.jobs
    while earlier := jobs.remember_request(mark, job.id, window):
        if wait_until(partial(exists, context, earlier), RECORDING):
            return jobs.get(earlier)
        jobs.forget_request(mark, earlier)  # whoever made it ended before its job was recorded
    return context.pipeline.submit(job)


def exists(context: Context, job_id: str) -> bool:
    """Whether a job is recorded."""
    try:
        return bool(context.store.jobs.get(job_id))
    except JobMissing:
        return False


def equal(one: Job, other: Job) -> bool:
    """Whether two jobs were asked for in the same words."""
    asked = {
        "model",
        "training_file",
        "impostors",
        "suffix",
        "seed",
        "metadata",
        "recipe",
        "hyperparameters",
        "checkpoint",
    }
    return one.model_dump(include=asked) == other.model_dump(include=asked)
