"""/v1/x/jobs/{job_id}/rerun and /clone: a new job from the request of another."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header
from pydantic import Field

from services.api.dependencies import Caller, Context, caller_id
from services.api.fine_tuning.clone_job import clone_job
from services.api.fine_tuning.job_request import CreateJob
from services.api.fine_tuning.jobs import render_current

router = APIRouter(prefix="/v1/x/jobs", tags=["jobs"])

IdempotencyKey = Annotated[str | None, Header(max_length=255)]


class CloneJob(CreateJob):
    """The body of POST /v1/x/jobs/{job_id}/clone: the fields of a job's request that change; the others are copied."""

    model: str = Field(default="", description="Copied if it is left out, as every other field is.")
    training_file: str = ""


@router.post("/{job_id}/rerun")
def rerun(job_id: str, context: Context, caller: Caller, idempotency_key: IdempotencyKey = None) -> dict[str, Any]:
    """Send a job's request again as a new job."""
    return render_current(clone_job(job_id, {}, context, idempotency_key, caller_id(caller)), context)


@router.post("/{job_id}/clone")
def clone(
    job_id: str,
    body: Annotated[dict[str, Any], Body()],
    context: Context,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Send a job's request with changes as a new job."""
    return render_current(clone_job(job_id, body, context, idempotency_key, caller_id(caller)), context)
