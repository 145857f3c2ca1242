"""A job's events: paged backwards, or streamed forwards with replay."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from scriptorium.contracts import Event
from scriptorium.errors import InvalidRequest, StoreUnavailable
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store import NO_EVENT
from scriptorium.store.connection import store_errors
from services.api.dependencies import Context
from services.api.fine_tuning.openai_job import render_event
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["jobs"])

EVENT_ID = re.compile(r"ftevent-\d{1,19}-\d{1,19}")  # two numbers of 64 bits
LOOK = 0.3
KEEP_ALIVE = 10.0
STREAM = "text/event-stream"


@router.get("/{job_id}/events", response_model=None)
def events(
    job_id: str,
    request: Request,
    context: Context,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    stream: bool = False,
    last_event_id: Annotated[str | None, Header()] = None,
) -> dict[str, Any] | Response:
    """A page of events, newest first; or, where a stream is accepted, all of them from Last-Event-ID on."""
    context.store.jobs.get(job_id)
    if stream or STREAM in request.headers.get("accept", ""):
        last = checked(last_event_id or after, "Last-Event-ID") or NO_EVENT
        return StreamingResponse(
            follow(context, job_id, last), media_type=STREAM, headers={"Cache-Control": "no-cache"}
        )
    found = context.store.events.page(job_id, limit + 1, before=checked(after, "after"))
    return render_page([render_event(event) for event in found[:limit]], has_more=len(found) > limit)


def checked(event_id: str | None, param: str) -> str | None:
    """An event's id as it was given; raises InvalidRequest where it can be none."""
    if event_id is not None and not EVENT_ID.fullmatch(event_id):
        raise InvalidRequest(f"{event_id!r} is not an event's id.", param=param)
    return event_id


async def follow(context: PhaseContext, job_id: str, last: str) -> AsyncIterator[str]:
    """The events after `last` as server-sent events until the job is over, with a comment now and then."""
    over, spoken = False, time.monotonic()
    while True:
        was_over = over
        try:
            over, found = await run_in_threadpool(look, context, job_id, last)
        except StoreUnavailable:
            return  # the client comes back with Last-Event-ID
        for event in found:
            last = event.id
            yield f"id: {event.id}\ndata: {to_json(render_event(event)).decode()}\n\n"
        if was_over and not found:  # the record is written before the last words: they get one more look
            yield "event: done\ndata: {}\n\n"
            return
        if found:
            spoken = time.monotonic()
        elif time.monotonic() - spoken > KEEP_ALIVE:
            spoken = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(LOOK)


def look(context: PhaseContext, job_id: str, last: str) -> tuple[bool, list[Event]]:
    """Whether the job is over, asked first, and what was said since."""
    with store_errors():
        over = context.store.jobs.get(job_id).status.final
        return over, context.store.events.after(job_id, last)
