"""/v1/fine_tuning/jobs: create, list, retrieve, cancel, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request

from scriptorium.contracts import Job, Status
from scriptorium.errors import Conflict
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.records import update_record
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store.leases import phase_lease
from services.api.dependencies import Context
from services.api.fine_tuning.create_job import create_job
from services.api.fine_tuning.openai_job import render_checkpoint, render_job
from services.api.pagination import paginate, render_page

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["jobs"])


@router.post("")
def create(
    body: Annotated[dict[str, Any], Body()],
    context: Context,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> dict[str, Any]:
    """Create a job."""
    return render_current(create_job(body, context, idempotency_key), context)


@router.get("")
def list_jobs(
    request: Request, context: Context, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> dict[str, Any]:
    """List jobs, newest first; metadata[key]=value narrows the list."""
    required = metadata_filter(dict(request.query_params))
    matches = [job for job in context.store.jobs.all() if required.items() <= job.metadata.items()]
    page, has_more = paginate(matches, limit, after, lambda job: job.id)
    active = context.store.jobs.active()
    return render_page([render_current(job, context, active) for job in page], has_more=has_more)


@router.get("/{job_id}")
def retrieve(job_id: str, context: Context) -> dict[str, Any]:
    """Return a job."""
    return render_current(context.store.jobs.get(job_id), context)


@router.post("/{job_id}/cancel")
def cancel(job_id: str, context: Context) -> dict[str, Any]:
    """Ask a job to stop."""
    return render_current(cancel_job(job_id, context), context)


@router.delete("/{job_id}")
def delete(job_id: str, context: Context, manuscript: bool = False) -> dict[str, Any]:
    """Delete a job that has ended, with its artifacts."""
    deleted = delete_job(context, job_id, manuscript=manuscript)
    extension = {"freed_bytes": deleted.freed_bytes, "remaining_files": deleted.remaining_files}
    return {"id": job_id, "object": "fine_tuning.job", "deleted": True, "scriptorium": extension}


@router.get("/{job_id}/checkpoints")
def checkpoints(
    job_id: str, context: Context, after: str | None = None, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> dict[str, Any]:
    """List a job's checkpoints, newest first."""
    job = context.store.jobs.get(job_id)
    rendered = [render_checkpoint(job, checkpoint) for checkpoint in context.store.jobs.checkpoints(job_id)]
    page, has_more = paginate(rendered, limit, after, lambda checkpoint: str(checkpoint["id"]))
    return render_page(page, has_more=has_more)


def render_current(job: Job, context: PhaseContext, active: Sequence[Job] | None = None) -> dict[str, Any]:
    """Render a job with its progress and its place in the queue; a list of jobs reads `active` once for all."""
    active = context.store.jobs.active() if active is None else active
    return render_job(job, context.store.jobs.progress(job.id), queue_position(job, active))


def queue_position(job: Job, active: Sequence[Job]) -> int | None:
    """Return the job's position, from 1, among those that wait for the GPU; None if it does not wait."""
    queue = sorted((other for other in active if other.status is Status.QUEUED), key=lambda other: other.sent_at)
    return next((position for position, other in enumerate(queue, 1) if other.id == job.id), None)


def metadata_filter(query: dict[str, str]) -> dict[str, str]:
    """Return the pairs that the metadata[key]=value parameters of a query require."""
    prefix = "metadata["
    return {
        name[len(prefix) : -1]: value for name, value in query.items() if name.startswith(prefix) and name[-1] == "]"
    }


def cancel_job(job_id: str, context: PhaseContext) -> Job:
    """Ask a job to stop; one that is paused or that no worker holds ends at once.

    From then on an attempt's every change of the record raises Cancelled. Raises Conflict if the job has already ended.
    """

    def request_cancel(job: Job) -> Job:
        if job.status.final:
            raise Conflict(f"The job has already ended: {job.status}.", param="fine_tuning_job_id")
        return job.model_copy(update={"cancel_requested": True})

    job = update_record(context.store, context.volume, job_id, request_cancel)
    paused = job.status is Status.PAUSED  # whoever holds it now has asked its question and only lets go
    if paused or context.store.leases.holder(phase_lease(job_id, job.phase)) is None:
        return context.pipeline.cancel(job_id)
    return job
