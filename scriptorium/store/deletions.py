"""Deletions: every key of a job, removed together, and the ids of jobs that were deleted lately.

An id is remembered for a while, because a process that had read the job just before may still write something of it;
`scriptorium.jobs.sweep` removes that, and also finishes a deletion whose process ended halfway.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import redis

from scriptorium.contracts import Job, Phase
from scriptorium.errors import Conflict, JobMissing
from scriptorium.store.job_index import job_key, unindex_job
from scriptorium.store.job_records import UNSAVED
from scriptorium.store.leases import phase_lease
from scriptorium.store.serving import SESSIONS_KEY
from scriptorium.store.transaction import compare_and_set

DELETED = "scriptorium:jobs:deleted"
JOB_KEYS = ("job", "progress", "checkpoints", "events")
LEASE_KEYS = ("fence", "lease-record")  # without a fence, a late holder cannot renew its lease


def job_keys(job_id: str) -> list[str]:
    """Return every key that belongs to one job alone, except its leases."""
    leases = [phase_lease(job_id, phase) for phase in Phase]
    return [f"scriptorium:{kind}:{job_id}" for kind in JOB_KEYS] + [
        f"scriptorium:{kind}:{name}" for name in leases for kind in LEASE_KEYS
    ]


class Deletions:
    """Delete the records of jobs."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def delete(self, job_id: str) -> Job:
        """Delete every key of a job that has ended and return its last record, to one of several callers.

        Raises JobMissing, and Conflict if the job has not ended or a worker still holds one of its phases.
        """
        record = job_key(job_id)
        leases = [f"scriptorium:lease:{phase_lease(job_id, phase)}" for phase in Phase]

        def apply(pipe: Any) -> Job:
            body = pipe.get(record)
            if body is None:
                raise JobMissing(f"There is no job {job_id!r}.", param="fine_tuning_job_id")
            job = Job.model_validate_json(body)
            check_ended(job, has_worker=bool(pipe.exists(*leases)))
            pipe.multi()
            pipe.delete(*job_keys(job_id))
            unindex_job(pipe, job)
            pipe.srem(UNSAVED, job_id)
            pipe.hdel(SESSIONS_KEY, job_id)
            pipe.zadd(DELETED, {job_id: time.time()})
            return job

        return compare_and_set(self._client, apply, record, *leases)

    def ids(self) -> list[str]:
        """Return the ids of the jobs that were deleted lately, oldest first."""
        ids: list[str] = self._client.zrange(DELETED, 0, -1)  # type: ignore[assignment]
        return ids

    def remove_late_keys(self, job_id: str) -> None:
        """Remove what was written of a deleted job since."""
        self._client.delete(*job_keys(job_id))

    def forget(self, older_than: timedelta) -> None:
        """Forget the deletions of long ago: nobody writes anything of those jobs any more."""
        self._client.zremrangebyscore(DELETED, "-inf", time.time() - older_than.total_seconds())


def check_ended(job: Job, *, has_worker: bool) -> None:
    """Raise Conflict if the job has not ended or a worker holds it."""
    if not job.status.final:
        next_step = f"Cancel it first: `scriptorium cancel {job.id}`."
        raise Conflict(f"{job.id} has not ended: {job.status}.", param="fine_tuning_job_id", next_step=next_step)
    if has_worker:
        raise Conflict(
            f"A worker of {job.id} is still stopping.", param="fine_tuning_job_id",
            next_step="Try again in a few seconds.",
        )  # fmt: skip
