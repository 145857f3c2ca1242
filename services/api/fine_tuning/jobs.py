"""/v1/fine_tuning/jobs: create, list, retrieve, cancel, pause, resume, delete."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Annotated, Any
from unicodedata import normalize

from fastapi import APIRouter, Body, Header, Query, Request, Response
from pydantic_core import to_json

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Job, Status
from scriptorium.jobs.delete_job import delete_job, uploads_of
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.jobs.steering import cancel_job, pause_job, resume_job
from services.api.dependencies import Caller, Context, caller_id, check_owner
from services.api.fine_tuning.create_job import create_job
from services.api.fine_tuning.openai_job import render_checkpoint, render_job
from services.api.pagination import After, no_such_item, paginate, render_page

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["jobs"])

JOBS_PER_READ = 500  # when most of them may not match


@router.post("")
def create(
    body: Annotated[dict[str, Any], Body()],
    context: Context,
    caller: Caller,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> dict[str, Any]:
    """Create a job."""
    return render_current(create_job(body, context, idempotency_key, caller_id(caller)), context)


@router.get("", response_model=None)
def list_jobs(
    request: Request,
    context: Context,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    tag: Annotated[list[str], Query(max_length=16)] = [],  # noqa: B006  # FastAPI copies it
) -> Response:
    """List jobs, newest first; metadata[key]=value and tag narrow the list."""
    required = metadata_filter(dict(request.query_params))
    jobs = find_jobs(context, required, after, limit + 1, tags={normalize("NFC", word) for word in tag})
    return json_response(render_page(render_all(jobs[:limit], context), has_more=len(jobs) > limit))


@router.get("/{job_id}", response_model=None)
def retrieve(job_id: str, context: Context) -> Response:
    """Return a job."""
    return json_response(render_current(context.store.jobs.get(job_id), context))


@router.post("/{job_id}/cancel")
def cancel(job_id: str, context: Context) -> dict[str, Any]:
    """Ask a job to stop."""
    return render_current(cancel_job(context.pipeline, job_id), context)


@router.post("/{job_id}/pause")
def pause(job_id: str, context: Context) -> dict[str, Any]:
    """Stop a job until it is resumed, and free its device."""
    return render_current(pause_job(context.pipeline, job_id), context)


@router.post("/{job_id}/resume")
def resume(job_id: str, context: Context) -> dict[str, Any]:
    """Let a paused job go on."""
    return render_current(resume_job(context.pipeline, job_id), context)


@router.delete("/{job_id}")
def delete(job_id: str, context: Context, caller: Caller, manuscript: bool = False) -> dict[str, Any]:
    """Delete a job that has ended, with its artifacts."""
    check_may_delete(caller, context.store.jobs.get(job_id), context, manuscript=manuscript)
    deleted = delete_job(context, job_id, manuscript=manuscript)
    extension = {"freed_bytes": deleted.freed_bytes, "remaining_files": deleted.remaining_files}
    return {"id": job_id, "object": "fine_tuning.job", "deleted": True, "scriptorium": extension}


def check_may_delete(caller: Caller, job: Job, context: PhaseContext, *, manuscript: bool) -> None:
    """Raise InsufficientScope if the caller made neither the job nor, if they go with it, each of its uploads."""
    check_owner(caller, job.created_by, job.id)
    files = FileStore(context.volume.files)
    for file_id in files.existing(uploads_of(job)) if manuscript else ():
        check_owner(caller, files.get(file_id).created_by, file_id)


@router.get("/{job_id}/checkpoints")
def checkpoints(
    job_id: str, context: Context, after: After = None, limit: Annotated[int, Query(ge=1, le=100)] = 10
) -> dict[str, Any]:
    """List a job's checkpoints, newest first."""
    job = context.store.jobs.get(job_id)
    rendered = [render_checkpoint(job, checkpoint) for checkpoint in context.store.jobs.checkpoints(job_id)]
    page, has_more = paginate(rendered, limit, after, lambda checkpoint: str(checkpoint["id"]))
    return render_page(page, has_more=has_more)


def find_jobs(
    context: PhaseContext, required: dict[str, str], after: str | None, count: int, *, tags: Set[str] = frozenset()
) -> list[Job]:
    """Return up to `count` jobs with the required metadata and every one of `tags`, newest first, behind `after`.

    That one need not have the tags: it may have lost them since it was listed.
    """
    jobs = context.store.jobs
    if after is not None and any(not required.items() <= job.metadata.items() for job in jobs.get_many([after])):
        raise no_such_item(after)
    strings = {*required, *required.values(), *tags}
    matches: list[Job] = []
    last = after
    while len(matches) < count:
        job_ids = jobs.index.page(JOBS_PER_READ if required or tags else count - len(matches), last)
        if job_ids is None and last == after:
            raise no_such_item(after)
        if job_ids is None:  # the job that the next page would follow was deleted in between
            matches, last = [], after
            continue
        if not job_ids:
            break
        matches += [
            job
            for job in jobs.get_many(job_ids, having=strings)
            if required.items() <= job.metadata.items() and tags <= set(job.tags)
        ]
        last = job_ids[-1]
    return matches[:count]


def render_current(job: Job, context: PhaseContext) -> dict[str, Any]:
    """Render a job with its progress and its place in the queue."""
    return render_all([job], context)[0]


def render_all(jobs: Sequence[Job], context: PhaseContext) -> list[dict[str, Any]]:
    """Render jobs with their progress and their places in the queue for the GPU, read in one round trip."""
    states = context.store.jobs.progress_and_positions(jobs)
    return [
        render_job(job, progress, position if job.status is Status.QUEUED else None)
        for job, (progress, position) in zip(jobs, states, strict=True)
    ]


def json_response(body: dict[str, Any]) -> Response:
    """Return a body as FastAPI would, without its validation of every value."""
    return Response(to_json(body, inf_nan_mode="null"), media_type="application/json")


def metadata_filter(query: dict[str, str]) -> dict[str, str]:
    """Return the pairs that the metadata[key]=value parameters of a query require."""
    prefix = "metadata["
    return {
        name[len(prefix) : -1]: value for name, value in query.items() if name.startswith(prefix) and name[-1] == "]"
    }
