"""Job records. Every change is a compare-and-set: read, decide in Python, write only if nobody else has written.

A change makes the next version of the record and notes that the volume does not have it yet.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis
from pydantic import ValidationError

from scriptorium.contracts import Checkpoint, Job
from scriptorium.errors import JobMissing
from scriptorium.store.transaction import compare_and_set

log = logging.getLogger(__name__)

INDEX = "scriptorium:jobs"
ACTIVE = "scriptorium:jobs:active"
UNSAVED = "scriptorium:jobs:unsaved"  # the records whose newest version is not on the volume yet


def _job(job_id: str) -> str:
    return f"scriptorium:job:{job_id}"


def _progress(job_id: str) -> str:
    return f"scriptorium:progress:{job_id}"


def _checkpoints(job_id: str) -> str:
    return f"scriptorium:checkpoints:{job_id}"


def _request(fingerprint: str) -> str:
    return f"scriptorium:request:{fingerprint}"


def _queue_record(pipe: Any, job: Job) -> None:
    """Queue the writes of a new record."""
    pipe.set(_job(job.id), job.model_dump_json())
    pipe.zadd(INDEX, {job.id: job.created_at})
    pipe.sadd(UNSAVED, job.id)
    if not job.status.final:
        pipe.sadd(ACTIVE, job.id)


class Jobs:
    """Job records by id, an index by time, and the progress and checkpoints of each job."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, job: Job) -> None:
        """Write a new record."""
        with self._client.pipeline(transaction=True) as pipe:
            _queue_record(pipe, job)
            pipe.execute()

    def restore(self, job: Job, *, missing: bool = True) -> bool:
        """Write a record of the volume if it supersedes the one here, or this one is `missing`; return whether."""
        key = _job(job.id)

        def apply(pipe: Any) -> bool:
            stored = _read_record(job.id, pipe.get(key))
            lost = missing if stored is None else job.supersedes(stored)
            pipe.multi()
            if lost:
                _queue_record(pipe, job)
                pipe.srem(UNSAVED, job.id)
            if lost and job.status.final:
                pipe.srem(ACTIVE, job.id)
            return lost

        return compare_and_set(self._client, apply, key)

    def add_once(self, job: Job, fingerprint: str, window: timedelta, answers: Callable[[Job], bool]) -> Job:
        """Add `job`, unless an equal request came within `window` and its job `answers` this one: then return that one.

        The record and the fingerprint are written together, so that neither is ever without the other.
        """
        key = _request(fingerprint)

        def apply(pipe: Any) -> Job:
            earlier_id = pipe.get(key)
            earlier = _read_record(earlier_id, pipe.get(_job(earlier_id))) if earlier_id else None
            pipe.multi()
            if earlier and answers(earlier):
                return earlier
            pipe.set(key, job.id, px=window)
            _queue_record(pipe, job)
            return job

        return compare_and_set(self._client, apply, key)

    def get(self, job_id: str) -> Job:
        """Read a record; raises JobMissing."""
        body = self._client.get(_job(job_id))
        if body is None:
            raise JobMissing(f"There is no job {job_id!r}.", param="fine_tuning_job_id")
        return Job.model_validate_json(str(body))

    def update(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        """Apply `change` to the record as it is at the moment of writing; `change` may raise to refuse."""
        key = _job(job_id)

        def apply(pipe: Any) -> Job:
            body = pipe.get(key)
            if body is None:
                raise JobMissing(f"There is no job {job_id!r}.", param="fine_tuning_job_id")
            job = Job.model_validate_json(body)
            changed = change(job)
            pipe.multi()
            return queue_update(pipe, job, changed)

        return compare_and_set(self._client, apply, key)

    def mark_saved(self, job: Job) -> None:
        """Note that the volume has this version of a record; does nothing if there is a newer one by now."""
        key = _job(job.id)

        def apply(pipe: Any) -> None:
            stored = _read_record(job.id, pipe.get(key))
            pipe.multi()
            if stored is None or stored.version <= job.version:
                pipe.srem(UNSAVED, job.id)

        compare_and_set(self._client, apply, key)

    def unsaved(self) -> list[Job]:
        """Return the records whose newest version is not on the volume yet, oldest first."""
        return self._members(UNSAVED)

    def newest_ids(self) -> list[str]:
        """Return every job id, newest first."""
        ids: list[str] = self._client.zrevrange(INDEX, 0, -1)  # type: ignore[assignment]
        return ids

    def all(self) -> list[Job]:
        """Return every record, newest first, in two round trips."""
        ids = self.newest_ids()
        return list(_read_records(ids, self._bodies(ids)))

    def active(self) -> list[Job]:
        """Return every job that has not ended, oldest first."""
        return self._members(ACTIVE)

    def _members(self, name: str) -> list[Job]:
        """Return the records of a set of ids, oldest first; an id without a record is dropped from it."""
        ids = [str(job_id) for job_id in self._client.smembers(name)]
        bodies = self._bodies(ids)
        for job_id, body in zip(ids, bodies, strict=True):
            if body is None:
                self._drop_member(name, job_id)
        return sorted(_read_records(ids, bodies), key=lambda job: (job.created_at, job.id))

    def _bodies(self, ids: Sequence[str]) -> list[str | None]:
        bodies: list[str | None] = self._client.mget([_job(job_id) for job_id in ids]) if ids else []  # type: ignore[assignment]
        return bodies

    def _drop_member(self, name: str, job_id: str) -> None:
        """Drop an id from a set if it still has no record."""
        key = _job(job_id)

        def apply(pipe: Any) -> bool:
            missing = not pipe.exists(key)
            pipe.multi()
            if missing:
                pipe.srem(name, job_id)
            return missing

        if compare_and_set(self._client, apply, key):
            log.warning("%s has no record and was dropped from %s", job_id, name)

    def set_progress(self, job_id: str, numbers: Mapping[str, float | int]) -> None:
        """Store the latest numbers of a job (loss, step, ...) by the keys of `scriptorium.metrics.JOB_METRICS`."""
        self._client.hset(_progress(job_id), mapping={name: json.dumps(value) for name, value in numbers.items()})

    def progress(self, job_id: str) -> dict[str, float]:
        """Return the latest numbers of a job."""
        return self.progress_of([job_id])[job_id]

    def progress_of(self, job_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return the latest numbers of many jobs, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(_progress(job_id))
            stored: list[dict[str, str]] = pipe.execute()
        return {
            job_id: {name: json.loads(value) for name, value in numbers.items()}
            for job_id, numbers in zip(job_ids, stored, strict=True)
        }

    def add_checkpoint(self, job_id: str, checkpoint: Checkpoint) -> None:
        """Add a checkpoint to a job's list, replacing one of the same step from an earlier attempt."""
        self._client.hset(_checkpoints(job_id), str(checkpoint.step), checkpoint.model_dump_json())

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the checkpoints of a job, newest first."""
        stored: dict[str, str] = self._client.hgetall(_checkpoints(job_id))  # type: ignore[assignment]
        checkpoints = [Checkpoint.model_validate_json(body) for body in stored.values()]
        return sorted(checkpoints, key=lambda checkpoint: -checkpoint.step)


def queue_update(pipe: Any, job: Job, changed: Job) -> Job:
    """Queue the write of a changed record as the next version and return it; what is unchanged is not written."""
    if changed == job:
        return job
    changed = changed.model_copy(update={"version": job.version + 1})
    pipe.set(_job(job.id), changed.model_dump_json())
    pipe.sadd(UNSAVED, job.id)
    if changed.status.final:
        pipe.srem(ACTIVE, job.id)
    return changed


def _read_record(job_id: str, body: str | None) -> Job | None:
    """Read a record; None if there is none or, with a warning, if it cannot be read."""
    try:
        return Job.model_validate_json(body) if body is not None else None
    except ValidationError as error:
        log.warning("the record of %s in the store cannot be read: %s", job_id, error)
        return None


def _read_records(ids: Iterable[str], bodies: Iterable[str | None]) -> Iterator[Job]:
    """Yield the records that can be read: one that cannot must not hide the others."""
    for job_id, body in zip(ids, bodies, strict=True):
        if job := _read_record(job_id, body):
            yield job
