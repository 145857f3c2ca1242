"""/v1/x/jobs/{job_id}/decisions: what a job asks of a person, and the answers."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from scriptorium.contracts import DecisionKind
from services.api.dependencies import Context
from services.api.fine_tuning.jobs import rendered
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/x/jobs", tags=["decisions"])


class Answer(BaseModel):
    """The name of one of the question's options."""

    model_config = ConfigDict(extra="forbid")

    answer: str


@router.get("/{job_id}/decisions")
def decisions(job_id: str, context: Context) -> dict[str, Any]:
    """Every question that a job has asked, with its answer where there is one."""
    asked = context.store.jobs.get(job_id).decisions.values()
    shown = [{"id": decision.kind, "object": "decision", **decision.model_dump(mode="json")} for decision in asked]
    return render_page(shown, has_more=False)


@router.post("/{job_id}/decisions/{kind}")
def answer(job_id: str, kind: DecisionKind, body: Answer, context: Context) -> dict[str, Any]:
    """Answer a question; the job goes on."""
    return rendered(context.pipeline.answer(job_id, kind, body.answer), context)
