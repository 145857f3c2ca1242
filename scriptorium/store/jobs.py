"""Job records. Every change is a compare-and-set: read, decide in Python, write only if nobody else has written.

A change makes the next version of the record and notes that the volume does not have it yet.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import redis
from pydantic_core import to_json

from scriptorium.contracts import Checkpoint, Job
from scriptorium.errors import JobMissing
from scriptorium.store.job_index import ACTIVE, PAUSE_BETWEEN_READS, QUEUED, JobIndex
from scriptorium.store.job_index import job_key as _job
from scriptorium.store.job_records import UNSAVED, parse_record, queue_record, queue_update, read_record, read_records
from scriptorium.store.transaction import compare_and_set

log = logging.getLogger(__name__)

RECORDS_PER_READ = 500


def _progress(job_id: str) -> str:
    return f"scriptorium:progress:{job_id}"


def _checkpoints(job_id: str) -> str:
    return f"scriptorium:checkpoints:{job_id}"


def _request(fingerprint: str) -> str:
    return f"scriptorium:request:{fingerprint}"


class Jobs:
    """Job records by id, their index, and the progress and checkpoints of each job."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self.index = JobIndex(client)

    def add(self, job: Job) -> None:
        """Write a new record."""
        with self._client.pipeline(transaction=True) as pipe:
            queue_record(pipe, None, job)
            pipe.execute()

    def restore(self, job: Job, *, missing: bool = True) -> bool:
        """Write a record of the volume if it supersedes the one here, or this one is `missing`; return whether."""
        key = _job(job.id)

        def apply(pipe: Any) -> bool:
            stored = read_record(job.id, pipe.get(key))
            lost = missing if stored is None else job.supersedes(stored)
            pipe.multi()
            if lost:
                queue_record(pipe, stored, job)
                pipe.srem(UNSAVED, job.id)
            return lost

        return compare_and_set(self._client, apply, key)

    def add_once(self, job: Job, fingerprint: str, window: timedelta, answers: Callable[[Job], bool]) -> Job:
        """Add `job`, unless an equal request came within `window` and its job `answers` this one: then return that one.

        The record and the fingerprint are written together, so that neither is ever without the other.
        """
        key = _request(fingerprint)

        def apply(pipe: Any) -> Job:
            earlier_id = pipe.get(key)
            earlier = read_record(earlier_id, pipe.get(_job(earlier_id))) if earlier_id else None
            pipe.multi()
            if earlier and answers(earlier):
                return earlier
            pipe.set(key, job.id, px=window)
            queue_record(pipe, None, job)
            return job

        return compare_and_set(self._client, apply, key)

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

    def get_many(self, job_ids: Sequence[str], having: Iterable[str] = ()) -> list[Job]:
        """Read many records in one round trip, in the order of their ids; what is missing or broken is left out.

        So are records without one of the strings `having`, wherever they have it: those need not be parsed.
        """
        needles = [to_json(text).decode() for text in having]
        bodies = [
            body if body and all(needle in body for needle in needles) else None for body in self._bodies(job_ids)
        ]
        return list(read_records(job_ids, bodies))

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
            stored = read_record(job.id, pipe.get(key))
            pipe.multi()
            if stored is None or stored.version <= job.version:
                pipe.srem(UNSAVED, job.id)

        compare_and_set(self._client, apply, key)

    def unsaved(self) -> list[Job]:
        """Return the records whose newest version is not on the volume yet, oldest first."""
        return self._members(UNSAVED)

    def newest(self, count: int) -> list[Job]:
        """Return the newest records, newest first."""
        return self.get_many(self.index.page(count) or [])

    def iterate(self) -> Iterator[Job]:
        """Yield every record, newest first, some hundreds in a round trip."""
        ids = self.index.ids()
        for start in range(0, len(ids), RECORDS_PER_READ):
            yield from self.get_many(ids[start : start + RECORDS_PER_READ])

    def bodies(self, count: int, before: float | None = None) -> Iterator[tuple[str, str]]:
        """Yield ids and records as they are stored, in JSON, newest first: up to `count`, submitted `before` or then.

        Between two reads other threads get a moment.
        """
        ids = self.index.older(before, count)
        for start in range(0, len(ids), RECORDS_PER_READ):
            part = ids[start : start + RECORDS_PER_READ]
            yield from ((job_id, body) for job_id, body in zip(part, self._bodies(part), strict=True) if body)
            time.sleep(PAUSE_BETWEEN_READS)

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
        return sorted(read_records(ids, bodies), key=lambda job: (job.submitted, job.id))

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
                pipe.zrem(QUEUED, job_id)
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


def _parse_numbers(numbers: Mapping[str, str]) -> dict[str, float]:
    """Parse a job's stored numbers, all at once because that is several times faster."""
    return dict(zip(numbers, json.loads(f"[{','.join(numbers.values())}]"), strict=True))
