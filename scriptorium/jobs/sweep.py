"""The sweeper: removes by itself what grows for ever otherwise, and finishes deletions."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from scriptorium.jobs.delete_job import remove_artifacts, remove_expired_files, withdraw_models
from scriptorium.jobs.leftovers import (
    SWEPT_CACHE_AGE,
    LeftoverKind,
    compile_caches,
    remove_leftovers,
    silent_logs,
    stored_records,
    temporary_folders,
    unfinished_uploads,
)
from scriptorium.jobs.runner import Context

log = logging.getLogger(__name__)

DELETION_MEMORY = timedelta(hours=1)  # far longer than anybody works on with a record that was read before


def sweep(context: Context, grace: timedelta | None = None) -> int:
    """Remove temporary folders of jobs that ended `grace` ago, interrupted uploads, expired files, and late writes.

    So go engines' logs that have been silent for a week, and what was compiled a month ago. Returns the freed bytes.
    Several sweepers, deletions and prunings may run at once.
    """
    grace = context.settings.sweep_grace if grace is None else grace
    folders = temporary_folders(context.volume, stored_records(context.store), grace)
    leftovers: dict[LeftoverKind, Iterable[Path]] = {
        LeftoverKind.TEMPORARY_FOLDERS: folders,
        LeftoverKind.UPLOADS: unfinished_uploads(context.volume),
        LeftoverKind.LOGS: silent_logs(context.settings.logs, "vllm-*.log*"),
        LeftoverKind.COMPILE_CACHES: compile_caches(context.settings.cache, SWEPT_CACHE_AGE),
    }
    freed_bytes = sum(remove_leftovers(kind, list(paths)).bytes for kind, paths in leftovers.items())
    freed_bytes += remove_expired_files(context)
    freed_bytes += sum(finish_deletion(context, job_id) for job_id in context.store.deletions.ids())
    context.store.deletions.forget(DELETION_MEMORY)
    if freed_bytes:
        log.info("swept %.1f MB", freed_bytes / 1e6)
    return freed_bytes


def finish_deletion(context: Context, job_id: str) -> int:
    """Remove what an interrupted deletion left, or somebody wrote late; return the freed bytes."""
    context.store.deletions.remove_late_keys(job_id)
    withdraw_models(context, job_id)
    return remove_artifacts(context.volume, job_id, [])
