"""A job's request, sent again: as it was or with changes. The new job shares nothing with the old one but its files."""

from __future__ import annotations

from typing import Any

from scriptorium.contracts import Job
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe
from services.api.fine_tuning.create_job import REQUESTED_FIELDS, read_job, submit_keyed

COPIED_FIELDS = REQUESTED_FIELDS - {"recipe"}


def clone_job(
    job_id: str, changes: dict[str, Any], context: Context, key: str | None, created_by: str | None = None
) -> Job:
    """Create a job from another one's request with `changes`, fields of a request; each call creates another job.

    `created_by` is the id of the client's key of the API. Only `key`, its Idempotency-Key, has a repeated call return
    the job of the first one. Raises JobMissing, and InvalidRequest, Conflict or another UserError as creating does:
    files may be gone, and rules may have changed.
    """
    body = change_request(request_of(context.store.jobs.get(job_id)), changes)
    job = read_job(body, context).model_copy(update={"cloned_from": job_id, "created_by": created_by})
    return submit_keyed(context, job, body, key) if key else context.pipeline.submit(job)


def request_of(job: Job) -> dict[str, Any]:
    """Return a body of POST /v1/fine_tuning/jobs that describes a job, with its recipe as it was then."""
    return {**job.model_dump(mode="json", include=COPIED_FIELDS), "recipe": own_values(job.recipe)}


def own_values(recipe: Recipe) -> dict[str, Any]:
    """Return what a recipe says beside the defaults, so that a default may still follow from another value's change."""
    values = recipe.model_dump(mode="json", exclude_defaults=True)
    return values if Recipe.model_validate(values) == recipe else recipe.model_dump(mode="json")


def change_request(request: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return a request with other values; hyperparameters in either place replace all of the request's."""
    if changes.get("method"):
        request = {name: value for name, value in request.items() if name != "hyperparameters"}
    return {**request, **changes}
