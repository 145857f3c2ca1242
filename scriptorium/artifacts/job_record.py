"""The record of a job on the volume, job.json: durable, one writer at a time, never replaced by an older version."""

from __future__ import annotations

import logging
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from scriptorium.artifacts import manifest
from scriptorium.contracts import Job

log = logging.getLogger(__name__)

NAME = "job.json"
LOCK_NAME = "job.json.lock"
LOCK_TIMEOUT = 10.0  # seconds; a write takes milliseconds
LOCK_POLL_INTERVAL = 0.005  # seconds


def write_record(folder: Path, job: Job) -> Job:
    """Write a job's record into its folder, unless a newer version lies there; return the record that lies there now.

    Raises OSError if it cannot be written, or if another writer does not finish in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK_NAME, timeout=LOCK_TIMEOUT, poll_interval=LOCK_POLL_INTERVAL):
        path = folder / NAME
        saved = read_record(path)
        if saved and (saved == job or saved.supersedes(job)):
            return saved
        manifest.replace_file(path, job.model_dump_json(indent=2))
        if saved is None:
            manifest.sync(folder.parent)
        return job


def read_record(path: Path) -> Job | None:
    """Read a record; None if there is none or, with a warning, if it is not readable or another folder's."""
    try:
        job = Job.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("%s cannot be read as a job's record: %s", path, error)
        return None
    if job.id != path.parent.name:
        log.warning("%s is left out: it is the record of %s", path, job.id)
        return None
    return job
