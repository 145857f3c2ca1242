"""From the body of POST /v1/fine_tuning/jobs to a job: all problems in one error, one job for a repeated request."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import timedelta
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

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Hyperparameters, Integration, Job, Status
from scriptorium.errors import Conflict, InvalidValidationFile
from scriptorium.identifiers import make_id
from scriptorium.jobs.runner import Context
from scriptorium.models.base_models import check_model
from scriptorium.planning.default_recipe import AUTO, choose_default_recipe
from scriptorium.recipe import Recipe, find_recipe
from scriptorium.recipe_overrides import apply_overrides
from services.api.errors import as_value_error, combine_errors

KEY_LIFETIME = timedelta(hours=24)
REQUESTED_FIELDS = {
    "model", "training_file", "validation_file", "impostors", "suffix", "seed", "metadata", "priority", "recipe",
    "hyperparameters", "checkpoint", "strength", "integrations",
}  # fmt: skip

Suffix = Annotated[str, StringConstraints(pattern=r"^\P{Cc}*[^\p{Cc}\s]\P{Cc}*$", min_length=1, max_length=64)]
MetadataKey = Annotated[str, StringConstraints(max_length=64)]
MetadataValue = Annotated[str, StringConstraints(max_length=512)]


class RequestPart(BaseModel):
    """A part of the request; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SupervisedMethod(RequestPart):
    """The section for supervised fine-tuning."""

    hyperparameters: Hyperparameters = Hyperparameters()


class Method(RequestPart):
    """The training method; only supervised fine-tuning is supported."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: SupervisedMethod | None = None
    dpo: Any = None
    reinforcement: Any = None

    @field_validator("type")
    @classmethod
    def check_type(cls, value: str) -> str:
        """Refuse the methods that only the hosted API has."""
        if value != "supervised":
            raise ValueError(f"{value} is not supported, only supervised fine-tuning is")
        return value


class CreateJob(RequestPart):
    """The body of POST /v1/fine_tuning/jobs, validated with the process's context, which knows models and files."""

    model: str
    training_file: str
    validation_file: str | None = None
    impostors: str | None = None
    method: Method | None = None
    hyperparameters: Hyperparameters | None = None
    suffix: Suffix | None = None
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    metadata: dict[MetadataKey, MetadataValue] | None = Field(default=None, max_length=16)
    priority: int = Field(default=0, ge=-10, le=10)
    integrations: list[Integration] | None = Field(default=None, max_length=1)
    recipe: Recipe = Field(default=None, validate_default=True)  # resolve_recipe replaces None
    overrides: dict[str, Any] | None = None
    checkpoint: int | None = Field(default=None, ge=1)
    strength: float | None = Field(default=None, gt=0, le=2)

    @field_validator("model")
    @classmethod
    def check_base_model(cls, value: str, info: ValidationInfo[Context]) -> str:
        """Check that the base model is on the volume or can be downloaded."""
        with as_value_error():
            check_model(value, info.context.volume.models)
        return value

    @field_validator("training_file", "validation_file", "impostors")
    @classmethod
    def check_file(cls, value: str | None, info: ValidationInfo[Context]) -> str | None:
        """Check that manuscripts, and other authors' works if named, were uploaded, the manuscripts for fine-tuning."""
        if value is None:
            return None
        with as_value_error():
            file = FileStore(info.context.volume.files).get(value)
        if info.field_name != "impostors" and file.purpose != "fine-tune":
            raise ValueError(
                f"{value} has the purpose {file.purpose}; upload it with the purpose fine-tune to train on it"
            )
        return file.id

    @field_validator("validation_file")
    @classmethod
    def check_validation_file(cls, value: str | None, info: ValidationInfo[Context]) -> str | None:
        """Refuse the manuscript itself: a loss on text that is trained on says nothing."""
        with as_value_error():
            if value is not None and value == info.data.get("training_file"):
                raise InvalidValidationFile("The validation file is the training file.")
        return value

    @field_validator("recipe", mode="before")
    @classmethod
    def resolve_recipe(cls, value: Any, info: ValidationInfo[Context]) -> Any:
        """Replace a name by the recipe of that file in recipes/, and None by the default recipe."""
        settings = info.context.settings
        if value is not None and not isinstance(value, str):
            return value
        with as_value_error():
            return find_recipe(value or default_recipe(info.context), settings.recipes_dir)

    @field_validator("recipe")
    @classmethod
    def check_recipe(cls, value: Recipe) -> Recipe:
        """Refuse a recipe that the queue cannot run."""
        return check_runs_in_queue(value)

    @field_validator("overrides")
    @classmethod
    def check_overrides(cls, value: dict[str, Any] | None, info: ValidationInfo[Context]) -> dict[str, Any] | None:
        """Refuse overrides that do not fit the recipe, unless it is invalid itself."""
        if value and "recipe" in info.data:
            with as_value_error():
                check_runs_in_queue(apply_overrides(info.data["recipe"], value))
        return value

    @model_validator(mode="after")
    def check_hyperparameters(self) -> CreateJob:
        """Refuse hyperparameters both under `method` and at the top level, where the older API has them."""
        if self.hyperparameters and self.method and self.method.supervised:
            raise ValueError("give hyperparameters under method.supervised or at the top level, not both")
        return self

    @property
    def requested_recipe(self) -> Recipe:
        """The recipe with the overrides."""
        return apply_overrides(self.recipe, self.overrides) if self.overrides else self.recipe

    @property
    def requested_hyperparameters(self) -> Hyperparameters:
        """The hyperparameters from either place, or the defaults."""
        supervised = self.method.supervised if self.method else None
        return supervised.hyperparameters if supervised else self.hyperparameters or Hyperparameters()


def check_runs_in_queue(recipe: Recipe) -> Recipe:
    """Return the recipe. Raises ValueError if it needs what a job of the queue does not have."""
    if recipe.training.fsdp:
        raise ValueError("training.fsdp needs several GPUs, and a job has one; use `scriptorium train` instead")
    if recipe.training.method == "dpo":
        raise ValueError(
            "training.method dpo needs preference rows, which a job cannot have yet; use `scriptorium train`"
        )
    return recipe


def default_recipe(context: Context) -> str:
    """Return the recipe of a job that names none, by the memory of the GPUs that the store knows."""
    settings = context.settings
    if settings.default_recipe != AUTO or not settings.gpu:
        return choose_default_recipe(settings)
    return choose_default_recipe(settings, list(context.store.leases.device_memory().values()))


def create_job(body: dict[str, Any], context: Context, key: str | None) -> Job:
    """Create the job that `body` requests, or return the one that an equal request created shortly before.

    `key` is the client's Idempotency-Key. Raises InvalidRequest or another UserError with every problem at once, and
    Conflict if the key was used with another body before.
    """
    job = read_job(body, context)
    submitted = submit_once(context, job, body, key)
    if submitted.id != job.id and key and not same_request(submitted, job):
        raise Conflict("This Idempotency-Key was used with another request before.", next_step="Use a new key.")
    return submitted


def read_job(body: dict[str, Any], context: Context) -> Job:
    """Validate `body` and return the job that it describes."""
    try:
        request = CreateJob.model_validate(body, context=context)
    except ValidationError as error:
        raise combine_errors(error.errors()) from None
    now = time.time()
    return Job(
        id=make_id("ftjob-", now),
        created_at=int(now),
        submitted_at=now,
        model=request.model,
        training_file=request.training_file,
        validation_file=request.validation_file,
        impostors=request.impostors,
        suffix=request.suffix,
        metadata=request.metadata or {},
        priority=request.priority,
        recipe=request.requested_recipe,
        hyperparameters=request.requested_hyperparameters,
        checkpoint=request.checkpoint,
        strength=request.strength,
        integrations=request.integrations or [],
        **({} if request.seed is None else {"seed": request.seed}),
    )


def fingerprint(job: Job, body: dict[str, Any], key: str | None) -> str:
    """Hash what equal requests have in common: their key if they have one, else every value that they ask for.

    A null, a default and what is left out are equal. The recipe is taken as it was named: what a job gets that names
    none may change while the request is repeated.
    """
    recipe = {name: body.get(name) for name in ("recipe", "overrides")}
    values = job.model_dump(mode="json", include=REQUESTED_FIELDS - {"recipe"}) | recipe
    text = f"key {key}" if key else json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def submit_once(context: Context, job: Job, body: dict[str, Any], key: str | None) -> Job:
    """Submit `job` unless an equal request came shortly before whose job answers this one; then return that job.

    A key names one job, whatever became of it once it was accepted. Without one, a job that failed or was cancelled
    answers nothing new.
    """
    window = KEY_LIFETIME if key else context.settings.repeat_window
    answers = was_accepted if key else is_alive
    standing = context.store.jobs.add_once(job, fingerprint(job, body, key), window, answers)
    return context.pipeline.start(job) if standing.id == job.id else standing


def was_accepted(job: Job) -> bool:
    """Return whether a job was ever sent; one that found no space on the volume was not."""
    return job.status is not Status.FAILED or bool(job.attempts)


def is_alive(job: Job) -> bool:
    """Return whether a job has succeeded or still may."""
    return job.status not in (Status.FAILED, Status.CANCELLED) and not job.cancel_requested


def same_request(one: Job, other: Job) -> bool:
    """Return whether two jobs were requested with the same values."""
    return one.model_dump(include=REQUESTED_FIELDS) == other.model_dump(include=REQUESTED_FIELDS)
