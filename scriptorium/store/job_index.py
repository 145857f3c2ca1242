"""What is known of all jobs without reading their records: counts, the queue for the GPU, and events to be archived.

Every write of a record queues the changes of the index in the same transaction, so the two cannot differ. A store of a
version without an index gets one when it is first needed; `repair` computes it anew from the records now and then.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict, ValidationError

from scriptorium.contracts import Job, Status
from scriptorium.contracts.job import PRIORITY_SECONDS
from scriptorium.identifiers import read_time

INDEX = "scriptorium:jobs"  # a sorted set: ids by time of creation
ACTIVE = "scriptorium:jobs:active"  # a set: those that have not ended
QUEUED = "scriptorium:jobs:queued"  # a sorted set: those that wait for the GPU, by `queue_place`
COUNTS = "scriptorium:jobs:counts"  # a hash: jobs by status and by error code
UNARCHIVED = "scriptorium:jobs:unarchived"  # a sorted set: those whose events are to be archived, by time of their end
VERSION_KEY = "scriptorium:jobs:index"
VERSION = "1"
RECORDS_PER_READ = 500
PAUSE_BETWEEN_READS = 0.005  # seconds, in which requests are answered
TRIES = 3  # to make an index that others change meanwhile
CLAIMED_FIRST = 1e12  # seconds: more than the ranks of any two jobs differ by


@dataclass(frozen=True)
class JobCounts:
    """The number of jobs by status and by error code."""

    statuses: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)


class IndexedError(BaseModel):
    """The part of a job's error that is indexed."""

    code: str


class IndexedJob(BaseModel):
    """The part of a record that is indexed; reading it alone is several times faster than reading a job."""

    model_config = ConfigDict(extra="ignore")

    created_at: int
    status: Status
    submitted_at: float = 0.0
    priority: int = 0
    sent_at: float = 0.0
    finished_at: int | None = None
    error: IndexedError | None = None


def job_key(job_id: str) -> str:
    """Return the key of a job's record."""
    return f"scriptorium:job:{job_id}"


def index_job(pipe: Any, before: Job | None, after: Job) -> None:
    """Queue the changes of the index that go with a record's change; `before` is None for a new one."""
    changes = Tally(_count_fields(after))
    changes.subtract(_count_fields(before) if before else ())
    for name, change in changes.items():
        if change:
            pipe.hincrby(COUNTS, name, change)
    if after.status is Status.QUEUED:
        pipe.zadd(QUEUED, {after.id: queue_place(after)})
    elif before is None or before.status is Status.QUEUED:
        pipe.zrem(QUEUED, after.id)
    if not after.status.final:
        pipe.sadd(ACTIVE, after.id)
    elif before is None or not before.status.final:
        pipe.srem(ACTIVE, after.id)
        pipe.zadd(UNARCHIVED, {after.id: time.time()})


def unindex_job(pipe: Any, job: Job) -> None:
    """Queue the removal of a job from the index, which goes with the removal of its record."""
    for name in _count_fields(job):
        pipe.hincrby(COUNTS, name, -1)
    for sorted_set in (INDEX, QUEUED, UNARCHIVED):
        pipe.zrem(sorted_set, job.id)
    pipe.srem(ACTIVE, job.id)


def queue_place(job: Job | IndexedJob) -> float:
    """Return a job's place among those that wait for the GPU: by rank, as a device is granted; claimed ones first."""
    rank = (job.submitted_at or job.created_at) - job.priority * PRIORITY_SECONDS
    return rank if job.sent_at else rank - CLAIMED_FIRST


def _count_fields(job: Job | IndexedJob) -> list[str]:
    return [f"status/{job.status}", *([f"error/{job.error.code}"] if job.error else [])]


class JobIndex:
    """Reads the index, and makes or repairs it."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._is_made = False
        self._making = threading.Lock()

    def counts(self) -> JobCounts:
        """Return the number of jobs by status and by error code."""
        self.ensure()
        stored: dict[str, str] = self._client.hgetall(COUNTS)  # type: ignore[assignment]
        counts = JobCounts()
        for name, count in stored.items():
            kind, _, label = name.partition("/")
            if int(count):
                (counts.statuses if kind == "status" else counts.errors)[label] = int(count)
        return counts

    def ended(self, job_ids: Sequence[str]) -> list[str]:
        """Return those of some jobs that have ended or are no more."""
        self.ensure()
        flags: list[int] = self._client.smismember(ACTIVE, list(job_ids)) if job_ids else []  # type: ignore[assignment]
        return [job_id for job_id, is_active in zip(job_ids, flags, strict=True) if not is_active]

    def page(self, limit: int, after: str | None = None) -> list[str] | None:
        """Return up to `limit` ids, newest first, behind `after`; None if there is no such job.

        If that job was deleted, its id says behind which others it was, unless it is an old one.
        """
        if after is None:
            return self._ids(0, limit)
        while (rank := self._client.zrevrank(INDEX, after)) is not None:
            ids = self._ids(int(rank), limit + 1)  # type: ignore[arg-type]
            if ids[:1] == [after]:  # else a job was added in between
                return ids[1:]
        made_at = read_time(after)
        if made_at is None:
            return None
        older: Any = self._client.zrevrangebyscore(INDEX, f"({made_at!r}", "-inf", start=0, num=limit)
        return [str(job_id) for job_id in older]

    def ids(self) -> list[str]:
        """Return every id, newest first."""
        ids: list[str] = self._client.zrevrange(INDEX, 0, -1)  # type: ignore[assignment]
        return ids

    def older(self, before: float | None, limit: int) -> list[str]:
        """Return up to `limit` ids, newest first, of jobs submitted at a moment, in Unix seconds, or before it."""
        highest = "+inf" if before is None else repr(before)
        ids: Any = self._client.zrevrangebyscore(INDEX, highest, "-inf", start=0, num=limit)
        return [str(job_id) for job_id in ids]

    def _ids(self, start: int, count: int) -> list[str]:
        ids: list[str] = self._client.zrevrange(INDEX, start, start + count - 1)  # type: ignore[assignment]
        return ids

    def unarchived(self, ended_before: float, limit: int) -> list[str]:
        """Return jobs that ended before a moment, in Unix seconds, whose events are to be archived."""
        self.ensure()
        ids: Any = self._client.zrangebyscore(UNARCHIVED, "-inf", ended_before, start=0, num=limit)
        return [str(job_id) for job_id in ids]

    def count_unarchived(self) -> int:
        """Return how many ended jobs' events are to be archived."""
        return int(self._client.zcard(UNARCHIVED))

    def mark_archived(self, job_ids: Sequence[str]) -> None:
        """Record that the events of some jobs are archived."""
        self._client.zrem(UNARCHIVED, *job_ids)

    def ensure(self) -> None:
        """Make the index of a store that has none.

        While jobs change all the time it stays as their writers keep it, and the next call tries again: nobody waits.
        """
        if not self._is_made:
            with self._making:
                self._is_made = self._is_made or self._client.get(VERSION_KEY) == VERSION or self._make()

    def _make(self) -> bool:
        return any(self.repair() for _ in range(TRIES))

    def repair(self) -> bool:
        """Compute the index from the records; return False, and change nothing, if it changed meanwhile."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(COUNTS, QUEUED, ACTIVE, VERSION_KEY)  # type: ignore[no-untyped-call]
            is_new = pipe.get(VERSION_KEY) != VERSION
            self._queue_repair(pipe, self._read_all(pipe), is_new=is_new)
            try:
                pipe.execute()
            except redis.WatchError:
                return False
        return True

    def _queue_repair(self, pipe: Any, jobs: dict[str, IndexedJob], *, is_new: bool) -> None:
        tally = Tally(name for job in jobs.values() for name in _count_fields(job))
        counts = {name: str(count) for name, count in tally.items()}
        queued = {job_id: queue_place(job) for job_id, job in jobs.items() if job.status is Status.QUEUED}
        active = {job_id for job_id, job in jobs.items() if not job.status.final}
        ended = {job_id: job.finished_at or 0 for job_id, job in jobs.items() if job.status.final}
        stored_counts = {name: count for name, count in pipe.hgetall(COUNTS).items() if count != "0"}
        stored = stored_counts, dict(pipe.zrange(QUEUED, 0, -1, withscores=True)), pipe.smembers(ACTIVE)
        pipe.multi()
        pipe.set(VERSION_KEY, VERSION)
        if stored != (counts, queued, active):
            pipe.delete(COUNTS, QUEUED, ACTIVE)
            _write(pipe, counts, queued, active)
        if is_new and ended:
            pipe.zadd(UNARCHIVED, ended, nx=True)

    def _read_all(self, pipe: Any) -> dict[str, IndexedJob]:
        ids: list[str] = pipe.zrange(INDEX, 0, -1)
        jobs: dict[str, IndexedJob] = {}
        for start in range(0, len(ids), RECORDS_PER_READ):
            part = ids[start : start + RECORDS_PER_READ]
            for job_id, body in zip(part, pipe.mget([job_key(job_id) for job_id in part]), strict=True):
                try:
                    if body:
                        jobs[job_id] = IndexedJob.model_validate_json(body)
                except ValidationError:
                    continue  # a broken record stops nobody
            time.sleep(PAUSE_BETWEEN_READS)
        return jobs


def _write(pipe: Any, counts: dict[str, str], queued: dict[str, float], active: set[str]) -> None:
    if counts:
        pipe.hset(COUNTS, mapping=counts)
    if queued:
        pipe.zadd(QUEUED, queued)
    if active:
        pipe.sadd(ACTIVE, *active)
