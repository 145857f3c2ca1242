"""/v1/x/jobs/{job_id}/reading: the next pair, an answer, and the tally."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from scriptorium.contracts.base import JsonNumber
from scriptorium.errors import InvalidRequest
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.urls import job_page
from services.api.blind_reading.blind_reading import BlindReading, Letter, Question, clean_name
from services.api.dependencies import Context

VISIBLE = r"[^\s\x00-\x1f\x7f-\x9f]"  # one character that is neither space nor control

router = APIRouter(prefix="/v1/x/jobs/{job_id}/reading", tags=["reading"])


ReaderName = Annotated[str, Field(json_schema_extra={"pattern": VISIBLE})]


class GivenAnswer(BaseModel):
    """A reader's answer about a pair: the letter of the chosen text for each question."""

    model_config = ConfigDict(extra="forbid")

    reader: ReaderName
    passage: Annotated[int, JsonNumber]
    closer: Letter
    better: Letter


@router.get("")
def following(job_id: str, reader: ReaderName, context: Context) -> dict[str, Any]:
    """Return a reader's next pair, without names; null once all are answered."""
    reading = open_reading(context, job_id)
    return render_state(reading, check_reader(reading, reader))


@router.post("")
def answer(job_id: str, body: GivenAnswer, context: Context) -> dict[str, Any]:
    """Store an answer and return the next pair."""
    reading = open_reading(context, job_id)
    reader = check_reader(reading, body.reader)
    reading.answer(reader, body.passage, body.closer, body.better)
    return render_state(reading, reader)


@router.get("/tally")
def tally(job_id: str, context: Context) -> dict[str, Any]:
    """Count the answers of all readers."""
    counts = open_reading(context, job_id).tally()
    page = job_page(job_id, "read")
    return {"object": "reading.tally", "job": job_id, "page": page, **counts.model_dump(mode="json")}


def open_reading(context: PhaseContext, job_id: str) -> BlindReading:
    """Open the reading of a job; raise JobMissing if there is no such job, Conflict if it has nothing to read."""
    return BlindReading(context.volume, context.store.jobs.get(job_id).id)


def check_reader(reading: BlindReading, reader: str) -> str:
    """Return the name under which the reader is known; raise InvalidRequest if it is empty."""
    name = clean_name(reader)
    if not name:
        raise InvalidRequest("A reader needs a name; any name will do.", param="reader")
    return reading.match_name(name)


def render_state(reading: BlindReading, reader: str) -> dict[str, Any]:
    """Render a reader's progress and next pair."""
    return {
        "object": "reading",
        "job": reading.job_id,
        "reader": reader,
        "answered": reading.count_answered(reader),
        "total": len(reading.turns(reader)),
        "next": render_question(reading.question(reader)),
    }


def render_question(question: Question | None) -> dict[str, Any] | None:
    """Render a pair without its number and its answers."""
    fields = ("passage", "genuine", "a", "b")
    return {name: getattr(question, name) for name in fields} if question else None
