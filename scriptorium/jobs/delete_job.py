"""A job deleted: its record and events, its run, its result files, and its manuscript if that is wanted."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from scriptorium.artifacts.disk_use import removable_bytes, remove
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import JOB_RECORD, Volume
from scriptorium.contracts import Job
from scriptorium.errors import FileMissing
from scriptorium.jobs.runner import Context
from scriptorium.models.warm_models import remove_warm_models

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeletedJob:
    """What a deletion has freed, and the uploaded files that remain."""

    id: str
    freed_bytes: int
    remaining_files: list[str]


def delete_job(context: Context, job_id: str, *, manuscript: bool = False) -> DeletedJob:
    """Delete a job that has ended; `manuscript` includes its uploads, unless another job was made from them.

    The record goes first and in one step, so of several callers only one deletes; if the process ends halfway, the
    sweeper finishes. Raises JobMissing, and Conflict while the job has not ended.
    """
    job = context.store.deletions.delete(job_id)
    withdraw_models(context, job_id)
    uploads = uploads_of(job)
    unused = [file_id for file_id in uploads if not is_used(context, file_id)] if manuscript else []
    freed_bytes = remove_artifacts(context.volume, job_id, unused)
    return DeletedJob(job_id, freed_bytes, [file_id for file_id in uploads if file_id not in unused])


def withdraw_models(context: Context, job_id: str) -> None:
    """Let nobody wish for a job's models any more, or keep them warm: an engine would keep the weights' bytes.

    A disk that is too full to note it must not keep the job from going; a name without a model is forgotten later.
    """
    names = context.store.wishes.withdraw(context.volume.run(job_id))
    try:
        remove_warm_models(context.volume.root, names)
    except OSError as error:
        log.warning("%s is still noted as kept warm: %s", ", ".join(names), error)


def uploads_of(job: Job) -> list[str]:
    """Return the ids of the uploaded files that a job was made from."""
    return [file_id for file_id in dict.fromkeys((job.training_file, job.validation_file, job.impostors)) if file_id]


def is_used(context: Context, file_id: str) -> bool:
    """Return whether any job, ended or not, was made from an upload."""
    return any(file_id in uploads_of(job) for job in context.store.jobs.iterate())


def remove_artifacts(volume: Volume, job_id: str, uploads: list[str]) -> int:
    """Remove a job's run, its result files and the given uploads; return the bytes that this frees."""
    files = FileStore(volume.files)
    file_ids = [*files.results_of(job_id), *uploads]
    paths = [volume.run(job_id), *(volume.files / file_id for file_id in file_ids)]
    before = removable_bytes(paths)
    (volume.run(job_id) / JOB_RECORD).unlink(missing_ok=True)  # first: half a job must not be restored
    for file_id in file_ids:
        delete_file(files, file_id)
    remove(volume.run(job_id))
    return max(0, before - removable_bytes(paths))


def remove_expired_files(context: Context) -> int:
    """Remove the files that have expired, unless a job that has not ended needs them; return the freed bytes."""
    files = FileStore(context.volume.files)
    expired = set(files.expired())
    needed = {file_id for job in context.store.jobs.active() for file_id in uploads_of(job)} if expired else set()
    paths = [context.volume.files / file_id for file_id in expired - needed]
    before = removable_bytes(paths)
    for path in paths:
        delete_file(files, path.name)
    return before - removable_bytes(paths)


def delete_file(files: FileStore, file_id: str) -> None:
    """Delete a file unless somebody else has."""
    try:
        files.delete(file_id)
    except FileMissing:
        return
