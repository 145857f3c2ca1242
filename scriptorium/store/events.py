"""A job's events: an append-only stream that can be paged backwards and followed forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis

from scriptorium.contracts import Event

PREFIX = "ftevent-"
NO_EVENT = f"{PREFIX}0-0"
Entry = tuple[str, dict[str, str]]


def _stream(job_id: str) -> str:
    return f"scriptorium:events:{job_id}"


def _read(reply: Any) -> list[Event]:
    entries: list[Entry] = reply
    return [
        Event.model_validate_json(body["event"]).model_copy(update={"id": PREFIX + entry}) for entry, body in entries
    ]


class Events:
    """The events of all jobs; an event's id is its place in the stream."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def append(self, job_id: str, event: Event) -> str:
        """Add an event and return its id."""
        entry = self._client.xadd(_stream(job_id), {"event": event.model_dump_json(exclude={"id"})})
        return PREFIX + str(entry)

    def page(self, job_id: str, limit: int, before: str | None = None) -> list[Event]:
        """Return up to `limit` events, newest first, older than `before`."""
        if before and not any(map(int, before.removeprefix(PREFIX).split("-"))):
            return []  # Redis knows no interval that ends before the first id that there can be
        end = f"({before.removeprefix(PREFIX)}" if before else "+"
        return _read(self._client.xrevrange(_stream(job_id), max=end, min="-", count=limit))

    def after(self, job_id: str, last: str, limit: int = 500) -> list[Event]:
        """Return up to `limit` events, oldest first, newer than `last`."""
        return _read(self._client.xrange(_stream(job_id), min=f"({last.removeprefix(PREFIX)}", count=limit))

    def wait(self, positions: Mapping[str, str], patience: timedelta, limit: int = 100) -> dict[str, list[Event]]:
        """Wait until a job has events newer than its position; return those of every such job, oldest first."""
        streams = {_stream(job_id): last.removeprefix(PREFIX) for job_id, last in positions.items()}
        job_ids = dict(zip(streams, positions, strict=True))
        milliseconds = int(patience.total_seconds() * 1000)
        reply: Any = self._client.xread(streams, count=limit, block=milliseconds)  # type: ignore[arg-type]
        pairs = reply.items() if isinstance(reply, dict) else reply or ()
        return {job_ids[stream]: _read(entries) for stream, entries in pairs}

    def trim(self, last_ids: Mapping[str, str], count: int) -> None:
        """Remove the events of many jobs that are older than the `count` newest up to a job's last id."""
        with self._client.pipeline(transaction=False) as pipe:
            for job_id, last in last_ids.items():
                pipe.xrevrange(_stream(job_id), max=last.removeprefix(PREFIX), count=count)
            newest: list[list[Entry]] = pipe.execute()
            for job_id, entries in zip(last_ids, newest, strict=True):
                if entries:
                    pipe.xtrim(_stream(job_id), minid=entries[-1][0], approximate=False)
            pipe.execute()

    def last_times(self, job_ids: Sequence[str]) -> dict[str, float]:
        """Return when each job's last event was appended, in Unix seconds, in one round trip; no events, no entry."""
        if not job_ids:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.xrevrange(_stream(job_id), count=1)
            replies: list[list[Entry]] = pipe.execute()
        newest = {job_id: entries[0][0] for job_id, entries in zip(job_ids, replies, strict=True) if entries}
        return {job_id: int(entry.partition("-")[0]) / 1000 for job_id, entry in newest.items()}
