"""/v1/x/estimate: what a job would need and do, without creating it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import Field, ValidationError, model_validator

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Phase, PrepareResult
from scriptorium.contracts.base import JsonNumber
from scriptorium.contracts.estimate import TrainingEstimate
from scriptorium.errors import BaseModelUnusable
from scriptorium.jobs.requests import apply_hyperparameters
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.models.base_models import locate_model
from scriptorium.planning.dataset_size import DatasetSize, size_of_passages
from scriptorium.planning.device import Device
from scriptorium.planning.estimate import estimate
from scriptorium.planning.manuscript_words import CountedFile, size_of_manuscript
from scriptorium.planning.measured_runs import MeasuredRun, read_runs
from scriptorium.planning.model_shape import ModelShape, known_shape, read_shape
from scriptorium.planning.this_machine import read_device
from services.api.dependencies import Context
from services.api.errors import combine_errors
from services.api.fine_tuning.job_request import CreateJob, RequestPart

router = APIRouter(prefix="/v1/x/estimate", tags=["jobs"])

SEARCHED_JOBS = 200  # newest ones, for a dataset that was prepared before


Count = Annotated[int, Field(le=10**12), JsonNumber]


class DatasetCounts(RequestPart):
    """The counts of a dataset that is not on the volume, in rows and tokens."""

    rows: Count = Field(ge=1)
    tokens: Count = Field(ge=1)
    longest_row: Count = Field(ge=1)
    answer_tokens: Count = Field(ge=1)
    dev_rows: Count = Field(default=0, ge=0)
    replay_rows: Count = Field(default=0, ge=0)
    replay_tokens: Count = Field(default=0, ge=0)
    basis: str = Field(default="the counts of the request", max_length=500)

    @model_validator(mode="after")
    def check_counts(self) -> DatasetCounts:
        """Refuse counts of parts that are more than the whole."""
        if not max(self.rows, self.longest_row, self.answer_tokens) <= self.tokens:
            raise ValueError("a row has a token at least; longest_row and answer_tokens are a part of tokens")
        if self.replay_rows >= self.rows or self.replay_tokens >= self.answer_tokens:
            raise ValueError("replay_rows and replay_tokens are a part of rows and answer_tokens, and not all of them")
        return self


class EstimateRequest(CreateJob):
    """The body of POST /v1/x/estimate: that of a job, or the counts of a dataset instead of the file."""

    training_file: str | None = None  # type: ignore[assignment]  # a job must have one
    dataset: DatasetCounts | None = None

    @model_validator(mode="after")
    def check_source(self) -> EstimateRequest:
        """Refuse a request that names no dataset, or two."""
        if (self.training_file is None) == (self.dataset is None):
            raise ValueError("name a training_file or the counts of a dataset, one of the two")
        return self


@router.post("")
def create_estimate(body: Annotated[dict[str, Any], Body()], context: Context) -> dict[str, Any]:
    """Estimate a job's memory, time, updates and disk."""
    return estimate_job(body, context).model_dump(mode="json")


def estimate_job(body: dict[str, Any], context: PhaseContext) -> TrainingEstimate:
    """Return the estimate for the job that `body` describes. Raises InvalidRequest or another UserError."""
    try:
        request = EstimateRequest.model_validate(body, context=context)
    except ValidationError as error:
        raise combine_errors(error.errors()) from None
    training = apply_hyperparameters(request.requested_recipe.training, request.requested_hyperparameters)
    runs = read_runs(context.settings.measured_runs)
    gpus = len(context.settings.gpu_indices) if training.fsdp else 1
    return estimate(
        training,
        find_shape(request.model, context),
        find_size(request, context),
        find_device(context, runs, gpus),
        runs,
        recipe=request.recipe.name,
        exports=request.requested_recipe.export,
        calibration=request.requested_recipe.calibration.limited_to(request.requested_recipe.strength),
    )


def find_device(context: PhaseContext, runs: Sequence[MeasuredRun], gpus: int) -> Device:
    """Return the device that trains; of GPUs that cannot be seen from here the smallest memory that the store knows."""
    device = read_device(context.settings, runs, gpus=gpus)
    memories = context.store.leases.device_memory().values()
    return replace(device, total_bytes=min(memories)) if device.gpu and not device.total_bytes and memories else device


def find_shape(model: str, context: PhaseContext) -> ModelShape:
    """Return a base model's shape, also of the default one before it is fetched. Raises BaseModelUnusable."""
    try:
        return read_shape(locate_model(model, context.volume.models), model)
    except BaseModelUnusable:
        shape = known_shape(model)
        if shape is None:
            raise
        return shape


def find_size(request: EstimateRequest, context: PhaseContext) -> DatasetSize:
    """Return a dataset's size: the counts of the request, those of an earlier job's preparation, or the words'."""
    if request.dataset:
        return DatasetSize(**request.dataset.model_dump())
    files = FileStore(context.volume.files)
    manuscript = find_file(files, str(request.training_file))
    prepared = None if manuscript.has_ready_rows else find_prepared(request, context)  # their prompts are their own
    if prepared:
        return prepared
    validation = find_file(files, request.validation_file) if request.validation_file else None
    return size_of_manuscript(*manuscript, request.requested_recipe, validation)


def find_file(files: FileStore, file_id: str) -> CountedFile:
    """Return an upload as it is counted. Raises FileMissing."""
    return CountedFile(files.content(file_id), files.get(file_id).filename)


def find_prepared(request: EstimateRequest, context: PhaseContext) -> DatasetSize | None:
    """Return the size of the dataset that a recent job made of the same file in the same way, if there is one."""
    wanted = (request.training_file, request.validation_file, request.model, request.requested_recipe.data)
    for job in context.store.jobs.newest(SEARCHED_JOBS):
        if (job.training_file, job.validation_file, job.model, job.recipe.data) == wanted:
            published = context.volume.published(job.id, Phase.PREPARE)
            if published is not None:
                splits = PrepareResult.model_validate(published["result"]).splits
                return size_of_passages(
                    splits["train"], splits.get("dev"), request.requested_recipe, f"the dataset of {job.id}"
                )
    return None
