"""A job's record as it is stored: reading it, and writing it together with what is noted of all records.

Every write of a record goes through `queue_record` or `queue_update`: in one transaction the index changes with the
record, what the change announces is queued, and the new version is noted as not being on the volume yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from scriptorium.contracts import Job
from scriptorium.store.deliveries import queue_announcement
from scriptorium.store.job_index import INDEX, index_job, job_key

log = logging.getLogger(__name__)

UNSAVED = "scriptorium:jobs:unsaved"  # a set: the records whose newest version is not on the volume yet
MAX_PARSED_RECORDS = 2_000

parse_record = lru_cache(maxsize=MAX_PARSED_RECORDS)(Job.model_validate_json)  # an unchanged record is parsed once


def queue_record(pipe: Any, before: Job | None, job: Job) -> None:
    """Queue the writes of a new record, or of one that replaces `before` as it is."""
    pipe.set(job_key(job.id), job.model_dump_json())
    pipe.zadd(INDEX, {job.id: job.submitted})
    pipe.sadd(UNSAVED, job.id)
    index_job(pipe, before, job)
    if before is not None:
        queue_announcement(pipe, before, job)


def queue_update(pipe: Any, job: Job, changed: Job) -> Job:
    """Queue the write of a changed record as the next version and return it; what is unchanged is not written."""
    if changed == job:
        return job
    changed = changed.model_copy(update={"version": job.version + 1})
    pipe.set(job_key(job.id), changed.model_dump_json())
    pipe.sadd(UNSAVED, job.id)
    index_job(pipe, job, changed)
    queue_announcement(pipe, job, changed)
    return changed


def read_record(job_id: str, body: str | None) -> Job | None:
    """Read a record; None if there is none or, with a warning, if it cannot be read."""
    try:
        return parse_record(body) if body is not None else None
    except ValidationError as error:
        log.warning("the record of %s in the store cannot be read: %s", job_id, error)
        return None


def read_records(ids: Iterable[str], bodies: Iterable[str | None]) -> Iterator[Job]:
    """Yield the records that can be read: one that cannot must not hide the others."""
    for job_id, body in zip(ids, bodies, strict=True):
        if job := read_record(job_id, body):
            yield job
