"""Rebuild job records from the volume: each run's folder is enough."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from scriptorium.contracts import Level, Phase
from scriptorium.errors import JobMissing
from scriptorium.jobs.phase_metrics import measure_manifest
from scriptorium.jobs.runner import Context

log = logging.getLogger(__name__)


def restore_jobs(context: Context) -> list[str]:
    """Add every job that the store has lost; the reaper takes up those that were not over. Returns their ids."""
    restored = []
    for job in context.volume.saved_jobs():
        try:
            context.store.jobs.get(job.id)
        except JobMissing:
            context.store.jobs.add(job)
            restore_numbers(context, job.id)
            context.pipeline.say(job, "The job's record was restored from the volume.", Level.WARN)
            restored.append(job.id)
    return restored


def restore_numbers(context: Context, job_id: str) -> None:
    """Remember the numbers of every phase that was published; those that were true for a moment only are lost."""
    for phase in Phase:
        published = context.volume.published(job_id, phase)
        if published is None:
            continue
        try:
            context.store.jobs.set_progress(job_id, measure_manifest(phase, published))
        except (KeyError, ValidationError):
            log.warning("the numbers of %s of %s are left out: another version wrote them", phase, job_id)
