"""The new events of all followed jobs, read once for all clients: one blocking read of the store, however many follow.

A client reads the past by itself, then joins the feed of its job. The feed keeps the frames of the latest events, ready
to be sent; a client that was too slow for them reads from the store again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from scriptorium.artifacts.event_archive import event_order
from scriptorium.contracts import Event
from scriptorium.errors import StoreUnavailable
from scriptorium.store import Store
from scriptorium.store.connection import store_errors
from services.api.fine_tuning.openai_job import render_event

READ_PATIENCE = timedelta(seconds=0.2)  # a client that joins is heeded after this at most
END_INTERVAL = 0.3  # seconds between two looks at which jobs have ended
LATEST_FRAMES = 1_000

Order = tuple[int, int]


@dataclass(frozen=True)
class Frame:
    """An event as it is sent to every client."""

    order: Order
    text: str


@dataclass
class JobFeed:
    """The latest frames of a job; `start` is the order of the event before the first of them.

    `quiet_since` is when the job was first seen to have ended without events since; `over` means that it stays so.
    """

    position: str
    start: Order
    frames: deque[Frame] = field(default_factory=deque)
    clients: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    quiet_since: float | None = None
    over: bool = False
    broken: bool = False

    def add(self, events: Iterable[Event]) -> None:
        """Add new events, and wake the clients."""
        for event in events:
            self.position = event.id
            self.frames.append(make_frame(event))
            if len(self.frames) > LATEST_FRAMES:
                self.start = self.frames.popleft().order
        self.quiet_since = None
        self.wake()

    def after(self, order: Order) -> list[Frame] | None:
        """Return the frames of the events after one; None if they are no longer all here."""
        if order < self.start:
            return None
        newer: deque[Frame] = deque()
        for frame in reversed(self.frames):
            if frame.order <= order:
                break
            newer.appendleft(frame)
        return list(newer)

    def wake(self) -> None:
        """Wake every waiting client."""
        self.changed.set()
        self.changed = asyncio.Event()


class EventFeed:
    """The feeds of the jobs that have clients, and the task that reads for them; for one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._feeds: dict[str, JobFeed] = {}
        self._reader: asyncio.Task[None] | None = None

    @contextmanager
    def join(self, job_id: str, last_id: str) -> Iterator[JobFeed]:
        """Join the feed of a job; one that does not exist yet begins after the event `last_id`."""
        feed = self._feeds.setdefault(job_id, JobFeed(last_id, event_order(last_id)))
        feed.clients += 1
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_until_unused())
        try:
            yield feed
        finally:
            feed.clients -= 1
            if not feed.clients and self._feeds.get(job_id) is feed:
                del self._feeds[job_id]

    async def _read_until_unused(self) -> None:
        checked_at = 0.0
        while self._feeds:
            feeds = dict(self._feeds)
            try:
                positions = {job_id: feed.position for job_id, feed in feeds.items()}
                for job_id, events in (await run_in_threadpool(self._wait, positions)).items():
                    feeds[job_id].add(events)
                if time.monotonic() - checked_at > END_INTERVAL:
                    await self._note_ends(feeds)
                    checked_at = time.monotonic()
            except StoreUnavailable:
                self._break()
                return

    async def _note_ends(self, feeds: dict[str, JobFeed]) -> None:
        """Note which jobs have ended; one is over if a whole interval then brought no more events."""
        now = time.monotonic()
        ended = await run_in_threadpool(self._find_ended, list(feeds))
        for job_id in ended:
            feed = feeds[job_id]
            if feed.quiet_since is None:
                feed.quiet_since = now
            elif not feed.over:
                feed.over = True
                feed.wake()

    def _wait(self, positions: dict[str, str]) -> dict[str, list[Event]]:
        with store_errors():
            return self._store.events.wait(positions, READ_PATIENCE)

    def _find_ended(self, job_ids: list[str]) -> list[str]:
        with store_errors():
            return self._store.jobs.index.ended(job_ids)

    def _break(self) -> None:
        """Let every client go: it connects again with the last id that it knows."""
        feeds, self._feeds = self._feeds, {}
        for feed in feeds.values():
            feed.broken = True
            feed.wake()


async def wait_for_change(changed: asyncio.Event, seconds: float) -> bool:
    """Wait until a feed changes; return False if it did not within some seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), seconds)
    return changed.is_set()


def make_frame(event: Event) -> Frame:
    """Render an event as a server-sent event."""
    return Frame(event_order(event.id), f"id: {event.id}\ndata: {to_json(render_event(event)).decode()}\n\n")
