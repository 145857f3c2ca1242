"""Rebuild job records from the volume: each run's folder is enough."""

from __future__ import annotations

from scriptorium.contracts import Level
from scriptorium.errors import JobMissing
from scriptorium.phase import Context


def restore_jobs(context: Context) -> list[str]:
    """Add every job that the store has lost; the reaper takes up those that were not over. Returns their ids."""
    restored = []
    for job in context.volume.saved_jobs():
        try:
            context.store.jobs.get(job.id)
        except JobMissing:
            context.store.jobs.add(job)
            context.pipeline.say(job, "The job's record was restored from the volume.", Level.WARN)
            restored.append(job.id)
    return restored
