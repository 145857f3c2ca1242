"""A job's events: as pages, newest first, or as a stream, oldest first, which can resume."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from scriptorium.artifacts.event_archive import event_order
from scriptorium.errors import InvalidRequest, JobMissing, StoreUnavailable
from scriptorium.jobs.archive.event_log import EVENTS_PER_READ, EventLog
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store import NO_EVENT
from scriptorium.store.connection import store_errors
from scriptorium.store.events import PREFIX
from services.api.dependencies import Context
from services.api.fine_tuning.event_feed import EventFeed, Frame, JobFeed, make_frame, wait_for_change
from services.api.fine_tuning.openai_job import render_event
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["jobs"])

EVENT_ID = re.compile(r"ftevent-\d{1,19}-\d{1,19}")  # two numbers of 64 bits
EVENT_ID_SCHEMA: dict[str, Any] = {"pattern": r"^ftevent-[0-9]{1,19}-[0-9]{1,19}$"}
POLL_INTERVAL = 0.3  # seconds
KEEP_ALIVE_INTERVAL = 10.0  # seconds
EVENT_STREAM = "text/event-stream"


@router.get("/{job_id}/events", response_model=None)
def events(
    job_id: str,
    request: Request,
    context: Context,
    after: Annotated[str | None, Query(json_schema_extra=EVENT_ID_SCHEMA)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    stream: bool = False,
    last_event_id: Annotated[str | None, Header(json_schema_extra=EVENT_ID_SCHEMA)] = None,
) -> Response:
    """Return a page of events, newest first; or, if a stream is accepted, stream all events after Last-Event-ID."""
    context.store.jobs.check_exists(job_id)
    after, last_event_id = check_event_id(after, "after"), check_event_id(last_event_id, "Last-Event-ID")
    if stream or EVENT_STREAM in request.headers.get("accept", ""):
        follower = Follower(context, request.app.state.event_feed, job_id, last_event_id or after or NO_EVENT)
        return StreamingResponse(follower.stream(), media_type=EVENT_STREAM, headers={"Cache-Control": "no-cache"})
    event_log = EventLog(context.store.events, context.volume)
    page = event_log.page(job_id, limit + 1, before=after)
    return JSONResponse(render_page([render_event(event) for event in page[:limit]], has_more=len(page) > limit))


def check_event_id(event_id: str | None, param: str) -> str | None:
    """Return an event's id unchanged; raise InvalidRequest if it cannot be one."""
    if event_id is not None and not EVENT_ID.fullmatch(event_id):
        raise InvalidRequest(f"{event_id!r} is not an event's id.", param=param)
    return event_id


class Follower:
    """A client that follows a job's events: first what the log has, then what the feed brings."""

    def __init__(self, context: PhaseContext, event_feed: EventFeed, job_id: str, last_id: str) -> None:
        self._context = context
        self._event_feed = event_feed
        self._event_log = EventLog(context.store.events, context.volume)
        self._job_id = job_id
        self._last_id = last_id

    async def stream(self) -> AsyncIterator[str]:
        """Yield the events as server-sent events until the job is over, with comments to keep the stream alive."""
        try:
            over = await run_in_threadpool(self._is_over)
            async for text in self._past():
                yield text
            if over:
                await asyncio.sleep(POLL_INTERVAL)  # the record is written before the last events
            else:
                newest_id = await run_in_threadpool(self._find_newest)
                with self._event_feed.join(self._job_id, newest_id) as feed:
                    async for text in self._live(feed):
                        yield text
            async for text in self._past():
                yield text
            await run_in_threadpool(self._is_over)  # a deleted job has no end: its last events may be missing
            yield "event: done\ndata: {}\n\n"
        except (StoreUnavailable, JobMissing):
            return  # the client reconnects with Last-Event-ID; of a job that was deleted it then hears so

    async def _past(self) -> AsyncIterator[str]:
        """Yield the events of the log."""
        while True:
            frames = await run_in_threadpool(self._read_log)
            if frames:
                yield self._send(frames)
            if len(frames) < EVENTS_PER_READ:
                return

    async def _live(self, feed: JobFeed) -> AsyncIterator[str]:
        """Yield the events of the feed until the job is over; what is no longer there comes from the log."""
        async for text in self._past():  # the feed may have begun after this client had read the log
            yield text
        while True:
            changed, over = feed.changed, feed.over
            if feed.broken:
                raise StoreUnavailable("The store (Redis) does not answer.")
            frames = feed.after(event_order(self._last_id))
            if frames is None:
                async for text in self._past():
                    yield text
                frames = feed.after(event_order(self._last_id)) or []
            if frames:
                yield self._send(frames)
            elif over:
                return
            elif not await wait_for_change(changed, KEEP_ALIVE_INTERVAL):
                yield ": still here\n\n"

    def _send(self, frames: list[Frame]) -> str:
        milliseconds, number = frames[-1].order
        self._last_id = f"{PREFIX}{milliseconds}-{number}"
        return "".join(frame.text for frame in frames)

    def _read_log(self) -> list[Frame]:
        with store_errors():
            return [make_frame(event) for event in self._event_log.after(self._job_id, self._last_id)]

    def _find_newest(self) -> str:
        with store_errors():
            newest = self._context.store.events.page(self._job_id, 1)
        return newest[0].id if newest else NO_EVENT

    def _is_over(self) -> bool:
        """Return whether the job has ended; raises JobMissing if it was deleted."""
        with store_errors():
            self._context.store.jobs.check_exists(self._job_id)
            return bool(self._context.store.jobs.index.ended([self._job_id]))
