"""/v1/x/jobs/{job_id}/reading: the next pair, an answer, and the tally."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from scriptorium.errors import InvalidRequest
from scriptorium.jobs.runner import Context as PhaseContext
from services.api.blind_reading.blind_reading import Letter, Question, Reading, clean_name
from services.api.dependencies import Context

router = APIRouter(prefix="/v1/x/jobs/{job_id}/reading", tags=["reading"])


class GivenAnswer(BaseModel):
    """What a reader says of a pair: the letter of the chosen text, twice."""

    model_config = ConfigDict(extra="forbid")

    reader: str
    passage: int
    closer: Letter
    better: Letter


@router.get("")
def following(job_id: str, reader: str, context: Context) -> dict[str, Any]:
    """A reader's next pair, without names; null once all are answered."""
    reading = open_reading(context, job_id)
    return render_state(reading, named(reading, reader))


@router.post("")
def answer(job_id: str, body: GivenAnswer, context: Context) -> dict[str, Any]:
    """Keep an answer; returns the next pair."""
    reading = open_reading(context, job_id)
    reader = named(reading, body.reader)
    reading.give(reader, body.passage, body.closer, body.better)
    return render_state(reading, reader)


@router.get("/tally")
def tally(job_id: str, context: Context) -> dict[str, Any]:
    """Everybody's answers, counted."""
    found = open_reading(context, job_id).tally()
    page = f"/jobs/{job_id}/read"
    return {"object": "reading.tally", "job": job_id, "page": page, **found.model_dump(mode="json")}


def open_reading(context: PhaseContext, job_id: str) -> Reading:
    """The reading of a job that there is; raises JobMissing and Conflict."""
    return Reading(context.volume, context.store.jobs.get(job_id).id)


def named(reading: Reading, reader: str) -> str:
    """The reader, who must have a name here."""
    name = clean_name(reader)
    if not name:
        raise InvalidRequest("A reader needs a name; any will do.", param="reader")
    return reading.known_as(name)


def render_state(reading: Reading, reader: str) -> dict[str, Any]:
    """How far a reader is, and what comes next."""
    return {
        "object": "reading",
        "job": reading.job_id,
        "reader": reader,
        "answered": reading.answered(reader),
        "total": len(reading.turns(reader)),
        "next": render_question(reading.question(reader)),
    }


def render_question(question: Question | None) -> dict[str, Any] | None:
    """A pair as the wire has it."""
    shown = ("passage", "genuine", "a", "b")
    return {name: getattr(question, name) for name in shown} if question else None
