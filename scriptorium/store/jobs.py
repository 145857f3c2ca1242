"""Job records. Every change is a compare-and-set: read, decide in Python, write only if nobody else has written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis

from scriptorium.contracts import Checkpoint, Job
from scriptorium.errors import JobMissing
from scriptorium.store.transaction import compare_and_set

INDEX = "scriptorium:jobs"
ACTIVE = "scriptorium:jobs:active"


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

    def add_once(self, job: Job, fingerprint: str, window: timedelta, answers: Callable[[Job], bool]) -> Job:
        """Add `job`, unless an equal request came within `window` and its job `answers` this one: then return that one.

        The record and the fingerprint are written together, so that neither is ever without the other.
        """
        key = _request(fingerprint)

        def apply(pipe: Any) -> Job:
            earlier_id = pipe.get(key)
            body = pipe.get(_job(earlier_id)) if earlier_id else None
            earlier = Job.model_validate_json(body) if body else None
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
            job = change(Job.model_validate_json(body))
            pipe.multi()
            pipe.set(key, job.model_dump_json())
            if job.status.final:
                pipe.srem(ACTIVE, job_id)
            return job

        return compare_and_set(self._client, apply, key)

    def newest_ids(self) -> list[str]:
        """Return every job id, newest first."""
        ids: list[str] = self._client.zrevrange(INDEX, 0, -1)  # type: ignore[assignment]
        return ids

    def all(self) -> list[Job]:
        """Return every record, newest first, in two round trips."""
        ids = self.newest_ids()
        bodies: list[str | None] = self._client.mget([_job(job_id) for job_id in ids]) if ids else []  # type: ignore[assignment]
        return [Job.model_validate_json(body) for body in bodies if body]

    def active(self) -> list[Job]:
        """Return every job that has not ended, oldest first."""
        ids = [str(job_id) for job_id in self._client.smembers(ACTIVE)]
        return sorted((self.get(job_id) for job_id in ids), key=lambda job: (job.created_at, job.id))

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
