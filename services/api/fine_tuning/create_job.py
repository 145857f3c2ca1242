"""From the body of POST /v1/fine_tuning/jobs to a job: all problems in one error, one job for a repeated request."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from scriptorium.contracts import Job, Status
from scriptorium.errors import Conflict
from scriptorium.identifiers import JOB_PREFIX, make_id
from scriptorium.jobs.runner import Context
from services.api.errors import combine_errors
from services.api.fine_tuning.job_request import CreateJob

KEY_LIFETIME = timedelta(hours=24)
REQUESTED_FIELDS = {
    "model", "training_file", "validation_file", "impostors", "suffix", "seed", "metadata", "priority", "recipe",
    "hyperparameters", "checkpoint", "strength", "integrations",
}  # fmt: skip


def create_job(body: dict[str, Any], context: Context, key: str | None, created_by: str | None = None) -> Job:
    """Create the job that `body` requests, or return the one that an equal request created shortly before.

    `key` is the client's Idempotency-Key, `created_by` the id of its key of the API. Raises InvalidRequest or another
    UserError with every problem at once, and Conflict if the former was used with another body before.
    """
    job = read_job(body, context).model_copy(update={"created_by": created_by})
    return submit_keyed(context, job, body, key) if key else submit_once(context, job, body, None)


def submit_keyed(context: Context, job: Job, body: dict[str, Any], key: str) -> Job:
    """Submit `job`, or return the one that was made with this key. Raises Conflict if the key named another request."""
    submitted = submit_once(context, job, body, key)
    if submitted.id != job.id and not same_request(submitted, job):
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
        id=make_id(JOB_PREFIX, now),
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
    method = job.recipe.training.model_dump(include={"method", "beta"})
    values = job.model_dump(mode="json", include=REQUESTED_FIELDS - {"recipe"}) | recipe | method
    owner = f"by {job.created_by} " if job.created_by else ""  # what one client sends is no answer to another
    text = owner + (f"key {key}" if key else json.dumps(values, sort_keys=True))
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
    fields = REQUESTED_FIELDS | {"cloned_from"}
    return one.model_dump(include=fields) == other.model_dump(include=fields)
