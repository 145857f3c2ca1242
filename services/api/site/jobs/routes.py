"""/ and /jobs/{job_id}, for browsers: all jobs, one job, and forms that steer it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from scriptorium.contracts import DecisionKind
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.steering import cancel_job, pause_job, resume_job
from services.api.dependencies import Caller, Context
from services.api.fine_tuning.events import check_event_id
from services.api.fine_tuning.jobs import check_may_delete, find_jobs
from services.api.fine_tuning.openai_job import render_pages
from services.api.pages.page import render_page, see_other
from services.api.site.jobs.details import find_curve, list_files, list_findings, read_log
from services.api.site.jobs.progress import describe_jobs, list_phases
from services.api.site.templates import site_templates

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, include_in_schema=False)

TEMPLATES = site_templates(Path(__file__).parent)
JOBS_PER_PAGE = 20


@router.get("/")
def list_jobs(context: Context, after: str | None = None) -> HTMLResponse:
    """Show the jobs, newest first, with their progress."""
    jobs = find_jobs(context, {}, after, JOBS_PER_PAGE + 1)
    lines = describe_jobs(jobs[:JOBS_PER_PAGE], context)
    older = jobs[JOBS_PER_PAGE - 1].id if len(jobs) > JOBS_PER_PAGE else None
    return render_page(TEMPLATES, "jobs", room="jobs", lines=lines, older=older, after=after)


@router.get("/jobs/{job_id}")
def show_job(job_id: str, context: Context, before: str | None = None) -> HTMLResponse:
    """Show everything that is known of a job; `before` turns to older parts of its log."""
    job = context.store.jobs.get(job_id)
    (line,) = describe_jobs([job], context)
    return render_page(
        TEMPLATES,
        "job",
        room="jobs",
        line=line,
        job=job,
        phases=list_phases(job, context.store.jobs.progress(job.id)),
        pages=render_pages(job) or {},
        curve=find_curve(job, context),
        log=read_log(job, context, check_event_id(before, "before")),
        before=before,
        findings=list_findings(job, context),
        checkpoints=context.store.jobs.checkpoints(job.id),
        files=list_files(job, context),
    )


@router.post("/jobs/{job_id}/pause")
def pause(job_id: str, context: Context) -> RedirectResponse:
    """Stop a job until it is resumed."""
    return see_other(f"/jobs/{pause_job(context.pipeline, job_id).id}")


@router.post("/jobs/{job_id}/resume")
def resume(job_id: str, context: Context) -> RedirectResponse:
    """Let a paused job go on."""
    return see_other(f"/jobs/{resume_job(context.pipeline, job_id).id}")


@router.get("/jobs/{job_id}/cancel")
def confirm_cancel(job_id: str, context: Context) -> HTMLResponse:
    """Ask whether to cancel a job."""
    (line,) = describe_jobs([context.store.jobs.get(job_id)], context)
    return render_page(
        TEMPLATES,
        "confirm",
        room="jobs",
        question=f"Cancel “{line.title}”?",
        lines=["It stops for good. What it has made so far stays until you delete it.", "To go on later, pause it."],
        action=f"/jobs/{line.job.id}/cancel",
        fields={},
        choice=None,
        button="Cancel it",
        back=f"/jobs/{line.job.id}",
    )


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: str, context: Context) -> RedirectResponse:
    """Stop a job for good."""
    return see_other(f"/jobs/{cancel_job(context.pipeline, job_id).id}")


@router.get("/jobs/{job_id}/delete")
def confirm_delete(job_id: str, context: Context) -> HTMLResponse:
    """Ask whether to delete a job."""
    (line,) = describe_jobs([context.store.jobs.get(job_id)], context)
    return render_page(
        TEMPLATES,
        "confirm",
        room="jobs",
        question=f"Delete “{line.title}”?",
        lines=["Its model, its checkpoints, its report and its log are deleted. This cannot be undone."],
        action=f"/jobs/{line.job.id}/delete",
        fields={},
        choice={"name": "manuscript", "words": f"Delete the book, too ({line.book})"},
        button="Delete it",
        back=f"/jobs/{line.job.id}",
    )


@router.post("/jobs/{job_id}/delete")
def delete(
    job_id: str, context: Context, caller: Caller, manuscript: Annotated[bool, Form()] = False
) -> RedirectResponse:
    """Delete a job that has ended, and its book if that is wanted."""
    check_may_delete(caller, context.store.jobs.get(job_id), context, manuscript=manuscript)
    delete_job(context, job_id, manuscript=manuscript)
    return see_other("/")


@router.post("/jobs/{job_id}/decisions/{kind}")
def answer(job_id: str, kind: DecisionKind, answer: Annotated[str, Form()], context: Context) -> RedirectResponse:
    """Answer a job's question."""
    return see_other(f"/jobs/{context.pipeline.answer(job_id, kind, answer).id}")
