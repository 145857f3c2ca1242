"""/v1/x/jobs/{job_id}/decisions: the questions that a job asks a person, and the answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from scriptorium.contracts import DecisionKind
from services.api.dependencies import Context
from services.api.fine_tuning.jobs import render_current
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/x/jobs", tags=["decisions"])


class Answer(BaseModel):
    """The answer to a question: the name of one of its options."""

    model_config = ConfigDict(extra="forbid")

    answer: str


@router.get("/{job_id}/decisions")
def decisions(job_id: str, context: Context) -> dict[str, Any]:
    """List the questions that a job has asked, with their answers."""
    job = context.store.jobs.get(job_id)
    data = [
        {"id": decision.kind, "object": "decision", **decision.model_dump(mode="json")}
        for decision in job.decisions.values()
    ]
    return render_page(data, has_more=False)


@router.post("/{job_id}/decisions/{kind}")
def answer(job_id: str, kind: DecisionKind, body: Answer, context: Context) -> dict[str, Any]:
    """Answer a question; the job continues."""
    return render_current(context.pipeline.answer(job_id, kind, body.answer), context)
