"""A job's two records: the store's is changed first and is the truth, the volume's is written after it.

A write to the volume that failed, or whose writer was killed, is repeated by the reaper's next round: the store keeps
the ids of the records that are not on the volume yet.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job
from scriptorium.errors import DiskFull
from scriptorium.store import Store

log = logging.getLogger(__name__)

WRITE_ERRORS = (DiskFull, OSError)


def update_record(store: Store, volume: Volume, job_id: str, change: Callable[[Job], Job]) -> Job:
    """Apply `change` to the store's record, then write the volume's; return the changed job.

    A volume that cannot be written does not undo the change.
    """
    job = store.jobs.update(job_id, change)
    try:
        if not save_record(store, volume, job):
            job = store.jobs.update(job_id, change)
            save_record(store, volume, job)
    except WRITE_ERRORS as error:
        log.warning("%s/job.json is older than the store's record until it can be written: %s", job_id, error)
    return job


def save_record(store: Store, volume: Volume, job: Job) -> bool:
    """Write the volume's record after the store's. Raises DiskFull or OSError.

    The volume never has a version that the store has not had: if it has a later one, the store has lost its last
    writes (it was started from an older file). It takes them from the volume, and False is returned.
    """
    saved = volume.save_job(job)
    lost = saved.supersedes(job) and store.jobs.restore(saved, missing=False)  # a removed job stays removed
    if lost:
        log.warning("the store had lost the last changes of %s; they were taken from the volume", job.id)
    store.jobs.mark_saved(saved)
    return not lost


def save_unsaved_records(store: Store, volume: Volume) -> list[str]:
    """Write the records that are not on the volume yet; return the ids of those that could be written."""
    saved = []
    for job in store.jobs.unsaved():
        try:
            save_record(store, volume, job)
        except WRITE_ERRORS as error:
            log.warning("%s/job.json still cannot be written: %s", job.id, error)
        else:
            saved.append(job.id)
    return saved
