"""/v1/x/jobs/{job_id}/quality: what was found in a job's manuscript; the same as a page: /jobs/{job_id}/quality."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scriptorium.artifacts.dataset import QUALITY, QUALITY_PAGE
from scriptorium.contracts import Phase, PrepareResult
from scriptorium.errors import Conflict
from scriptorium.urls import job_page
from services.api.dependencies import Context
from services.api.pages.page import STORED_PAGE_POLICY, security_headers

router = APIRouter(tags=["quality"])


@router.get("/v1/x/jobs/{job_id}/quality")
def quality(job_id: str, context: Context) -> dict[str, Any]:
    """Return what was found in the manuscript, as quality.json has it; also while a question about it is open."""
    result = PrepareResult.model_validate_json(find_output(context, job_id, QUALITY).read_text(encoding="utf-8"))
    page = job_page(job_id, "quality")
    return {"object": "quality", "job": job_id, "page": page, **result.model_dump(mode="json")}


@router.get("/jobs/{job_id}/quality", response_class=HTMLResponse)
def quality_page(job_id: str, context: Context) -> HTMLResponse:
    """Show the same as a page."""
    page = find_output(context, job_id, QUALITY_PAGE).read_text(encoding="utf-8")
    return HTMLResponse(page, headers=security_headers(STORED_PAGE_POLICY))


def find_output(context: Context, job_id: str, name: str) -> Path:
    """Return a file of the job's preparation, finished or not. Raises JobMissing, or Conflict if there is none yet."""
    job = context.store.jobs.get(job_id)
    path = context.volume.output_file(job.id, Phase.PREPARE, name)
    if path is None:
        message = f"The manuscript of {job_id} has not been looked at yet."
        next_step = "Read the job's error." if job.status.final else "Try again in a moment."
        raise Conflict(message, param="job_id", next_step=next_step)
    return path
