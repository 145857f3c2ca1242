"""/v1/x/jobs/{job_id}/checkpoint_samples, and the same as a page: /jobs/{job_id}/samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scriptorium.urls import job_page
from services.api.checkpoint_samples.passages import find_passages
from services.api.dependencies import Context
from services.api.pages.book_title import find_title
from services.api.pages.page import render_page, room_templates

router = APIRouter(tags=["samples"])

TEMPLATES = room_templates(Path(__file__).parent)


@router.get("/v1/x/jobs/{job_id}/checkpoint_samples")
def checkpoint_samples(job_id: str, context: Context) -> dict[str, Any]:
    """Return what the model wrote at each checkpoint so far; empty until training has begun."""
    passages = find_passages(context.volume, context.store.jobs.get(job_id).id)
    return {
        "object": "checkpoint_samples",
        "job": job_id,
        "page": job_page(job_id, "samples"),
        "steps": passages.steps,
        "briefs": [
            {
                "brief": entry.brief,
                "author": entry.author,
                "passages": [
                    {"step": passage.step, "text": passage.text, "ended": passage.ended} for passage in entry.passages
                ],
            }
            for entry in passages.briefs
        ],
    }


@router.get("/jobs/{job_id}/samples", response_class=HTMLResponse)
def samples_page(job_id: str, context: Context) -> HTMLResponse:
    """Show the passages beside the author's, with a slider over the steps."""
    job = context.store.jobs.get(job_id)
    title = find_title(context.volume, job)
    passages = find_passages(context.volume, job.id)
    return render_page(
        TEMPLATES,
        "samples",
        title=title,
        passages=passages,
        training_over=job.status.final,
        job_page=job_page(job.id),
    )
