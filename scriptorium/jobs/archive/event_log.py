"""A job's whole log: the events in the store and, once it has ended, those that were archived to the volume.

The store keeps only the newest events of an ended job. A read asks the store first: what is missing there was archived
before it was removed.
"""

from __future__ import annotations

from collections.abc import Iterable

from scriptorium.artifacts.event_archive import EventArchive, event_order
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Event
from scriptorium.store import NO_EVENT
from scriptorium.store.events import Events

RECENT_EVENTS = 24  # of an ended job, which stay in the store: one page
EVENTS_PER_READ = 500


class EventLog:
    """The events of all jobs, wherever they are."""

    def __init__(self, events: Events, volume: Volume) -> None:
        self._events = events
        self._volume = volume

    def page(self, job_id: str, limit: int, before: str | None = None) -> list[Event]:
        """Return up to `limit` events, newest first, older than `before`."""
        events = self._events.page(job_id, limit, before)
        if len(events) < limit:
            oldest = events[-1].id if events else before
            events += self._archive(job_id).before(oldest, limit - len(events))
        return events

    def after(self, job_id: str, last: str, limit: int = EVENTS_PER_READ) -> list[Event]:
        """Return up to `limit` events, oldest first, newer than `last`."""
        events = self._events.after(job_id, last, limit)
        archived = self._archive(job_id).after(last, limit)
        if events:
            first = event_order(events[0].id)
            archived = [event for event in archived if event_order(event.id) < first]
        return [*archived, *events][:limit]

    def archive(self, job_ids: Iterable[str]) -> None:
        """Archive the events of some jobs, then remove all but the newest from the store."""
        self._events.trim({job_id: self._copy(job_id) for job_id in job_ids}, RECENT_EVENTS)

    def _copy(self, job_id: str) -> str:
        """Copy a job's events to its archive, and return the id of the last."""
        last = NO_EVENT
        while events := self._events.after(job_id, last, EVENTS_PER_READ):
            self._archive(job_id).append(events)
            last = events[-1].id
        return last

    def _archive(self, job_id: str) -> EventArchive:
        return EventArchive(self._volume.events(job_id))
