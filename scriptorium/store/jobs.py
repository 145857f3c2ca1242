"""Job records. Every change is a compare-and-set: read, decide in Python, write only if nobody else has written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

import redis

from scriptorium.contracts import Checkpoint, Job
from scriptorium.errors import JobMissing
from scriptorium.store.job_index import ACTIVE, INDEX, QUEUED, JobIndex, index_job
from scriptorium.store.job_index import job_key as _job
from scriptorium.store.transaction import compare_and_set

MAX_PARSED_RECORDS = 2_000

parse_record = lru_cache(maxsize=MAX_PARSED_RECORDS)(Job.model_validate_json)  # an unchanged record is parsed once


def _progress(job_id: str) -> str:
    return f"scriptorium:progress:{job_id}"


def _checkpoints(job_id: str) -> str:
    return f"scriptorium:checkpoints:{job_id}"


class Jobs:
    """Job records by id, their index, and the progress and checkpoints of each job."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.index = JobIndex(client)

    def add(self, job: Job) -> None:
        """Write a new record."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.set(_job(job.id), job.model_dump_json())
            pipe.zadd(INDEX, {job.id: job.created_at})
            index_job(pipe, None, job)
            pipe.execute()

    def get(self, job_id: str) -> Job:
        """Read a record; raises JobMissing."""
        body = self._client.get(_job(job_id))
        if body is None:
            raise JobMissing(f"There is no job {job_id!r}.", param="fine_tuning_job_id")
        return parse_record(str(body))

    def check_exists(self, job_id: str) -> None:
        """Raise JobMissing if there is no such job."""
        if not self._client.exists(_job(job_id)):
            raise JobMissing(f"There is no job {job_id!r}.", param="fine_tuning_job_id")

    def get_many(self, job_ids: Sequence[str]) -> list[Job]:
        """Read many records in one round trip, in the order of their ids; one that is missing is left out."""
        bodies: list[str | None] = self._client.mget([_job(job_id) for job_id in job_ids]) if job_ids else []  # type: ignore[assignment]
        return [parse_record(body) for body in bodies if body]

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
            pipe.set(key, changed.model_dump_json())
            index_job(pipe, job, changed)
            return changed

        return compare_and_set(self._client, apply, key)

    def newest(self, count: int) -> list[Job]:
        """Return the newest records, newest first."""
        return self.get_many(self.index.page(count) or [])

    def active(self) -> list[Job]:
        """Return every job that has not ended, oldest first."""
        ids = [str(job_id) for job_id in self._client.smembers(ACTIVE)]
        return sorted(self.get_many(ids), key=lambda job: (job.created_at, job.id))

    def set_progress(self, job_id: str, numbers: Mapping[str, float | int]) -> None:
        """Store the latest numbers of a job (loss, step, ...) by the keys of `scriptorium.metrics.JOB_METRICS`."""
        self._client.hset(_progress(job_id), mapping={name: json.dumps(value) for name, value in numbers.items()})

    def progress(self, job_id: str) -> dict[str, float]:
        """Return the latest numbers of a job."""
        return self.progress_of([job_id])[job_id]

    def progress_of(self, job_ids: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return the latest numbers of many jobs, in one round trip."""
        if not job_ids:
            return {}
        with self._client.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hgetall(_progress(job_id))
            stored: list[dict[str, str]] = pipe.execute()
        return {job_id: _parse_numbers(numbers) for job_id, numbers in zip(job_ids, stored, strict=True)}

    def progress_and_positions(self, jobs: Sequence[Job]) -> list[tuple[dict[str, float], int | None]]:
        """Return each job's latest numbers and its position, from 1, in the queue for the GPU, in one round trip."""
        self.index.ensure()
        with self._client.pipeline(transaction=False) as pipe:
            for job in jobs:
                pipe.hgetall(_progress(job.id))
                pipe.zrank(QUEUED, job.id)
            replies = iter(pipe.execute() if jobs else ())
        return [
            (_parse_numbers(numbers), None if rank is None else rank + 1)
            for numbers, rank in zip(replies, replies, strict=True)
        ]

    def add_checkpoint(self, job_id: str, checkpoint: Checkpoint) -> None:
        """Add a checkpoint to a job's list, replacing one of the same step from an earlier attempt."""
        self._client.hset(_checkpoints(job_id), str(checkpoint.step), checkpoint.model_dump_json())

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the checkpoints of a job, newest first."""
        stored: dict[str, str] = self._client.hgetall(_checkpoints(job_id))  # type: ignore[assignment]
        checkpoints = [Checkpoint.model_validate_json(body) for body in stored.values()]
        return sorted(checkpoints, key=lambda checkpoint: -checkpoint.step)

    def remember_request(self, fingerprint: str, job_id: str, window: timedelta) -> str | None:
        """Bind a request to its job for `window`; returns the job of an equal earlier request, if there is one."""
        key = f"scriptorium:request:{fingerprint}"
        if self._client.set(key, job_id, nx=True, px=window):
            return None
        earlier = self._client.get(key)
        return str(earlier) if earlier else None

    def forget_request(self, fingerprint: str, job_id: str) -> None:
        """Release a request from a job that was never created; does nothing if it is bound to another job by now."""
        key = f"scriptorium:request:{fingerprint}"

        def apply(pipe: Any) -> None:
            bound = pipe.get(key) == job_id
            pipe.multi()
            if bound:
                pipe.delete(key)

        compare_and_set(self._client, apply, key)


def _parse_numbers(numbers: Mapping[str, str]) -> dict[str, float]:
    """Parse a job's stored numbers, all at once because that is several times faster."""
    return dict(zip(numbers, json.loads(f"[{','.join(numbers.values())}]"), strict=True))
