"""A job's events: as pages, newest first, or as a stream, oldest first, which can resume."""

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
from scriptorium.errors import InvalidRequest, JobMissing, StoreUnavailable
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store import NO_EVENT
from scriptorium.store.connection import store_errors
from services.api.dependencies import Context
from services.api.fine_tuning.openai_job import render_event
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["jobs"])

EVENT_ID = re.compile(r"ftevent-\d{1,19}-\d{1,19}")  # two numbers of 64 bits
POLL_INTERVAL = 0.3  # seconds
KEEP_ALIVE_INTERVAL = 10.0  # seconds
EVENT_STREAM = "text/event-stream"


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
    """Return a page of events, newest first; or, if a stream is accepted, stream all events after Last-Event-ID."""
    context.store.jobs.get(job_id)
    if stream or EVENT_STREAM in request.headers.get("accept", ""):
        last_id = check_event_id(last_event_id or after, "Last-Event-ID") or NO_EVENT
        return StreamingResponse(
            stream_events(context, job_id, last_id), media_type=EVENT_STREAM, headers={"Cache-Control": "no-cache"}
        )
    page = context.store.events.page(job_id, limit + 1, before=check_event_id(after, "after"))
    return render_page([render_event(event) for event in page[:limit]], has_more=len(page) > limit)


def check_event_id(event_id: str | None, param: str) -> str | None:
    """Return an event's id unchanged; raise InvalidRequest if it cannot be one."""
    if event_id is not None and not EVENT_ID.fullmatch(event_id):
        raise InvalidRequest(f"{event_id!r} is not an event's id.", param=param)
    return event_id


async def stream_events(context: PhaseContext, job_id: str, last_id: str) -> AsyncIterator[str]:
    """Yield the events after `last_id` as server-sent events until the job is over, with comments to keep it alive."""
    over, last_sent = False, time.monotonic()
    while True:
        was_over = over
        try:
            over, new_events = await run_in_threadpool(read_new_events, context, job_id, last_id)
        except (StoreUnavailable, JobMissing):
            return  # the client reconnects with Last-Event-ID; of a job that was deleted it then hears so
        for event in new_events:
            last_id = event.id
            yield f"id: {event.id}\ndata: {to_json(render_event(event)).decode()}\n\n"
        if was_over and not new_events:  # the record is written before the last events: poll once more for them
            yield "event: done\ndata: {}\n\n"
            return
        if new_events:
            last_sent = time.monotonic()
        elif time.monotonic() - last_sent > KEEP_ALIVE_INTERVAL:
            last_sent = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(POLL_INTERVAL)


def read_new_events(context: PhaseContext, job_id: str, last_id: str) -> tuple[bool, list[Event]]:
    """Return whether the job is over, which is read first, and the events after `last_id`."""
    with store_errors():
        over = context.store.jobs.get(job_id).status.final
        return over, context.store.events.after(job_id, last_id)
