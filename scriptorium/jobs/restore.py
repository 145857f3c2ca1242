"""Job records rebuilt from the volume: each run's folder is enough."""

from __future__ import annotations

import logging

from pydantic import ValidationError

from scriptorium.contracts import Level, Phase
from scriptorium.errors import JobMissing
from scriptorium.jobs.phase_metrics import collect_manifest_metrics
from scriptorium.jobs.runner import Context

log = logging.getLogger(__name__)


def restore_jobs(context: Context) -> list[str]:
    """Add every job that the store has lost and return their ids; the reaper resends those that have not ended."""
    restored: list[str] = []
    deleted = set(context.store.deletions.ids())
    for job in context.volume.saved_jobs():
        if job.id in deleted:
            continue  # somebody wrote its record late; the sweeper removes it
        try:
            context.store.jobs.get(job.id)
        except JobMissing:
            context.store.jobs.add(job)
            restore_metrics(context, job.id)
            context.pipeline.log_event(job, "The job's record was restored from the volume.", Level.WARN)
            restored.append(job.id)
    return restored


def restore_metrics(context: Context, job_id: str) -> None:
    """Set the metrics of every published phase; metrics of the moment, such as a training's speed, are lost."""
    for phase in Phase:
        published = context.volume.published(job_id, phase)
        if published is None:
            continue
        try:
            context.store.jobs.set_progress(job_id, collect_manifest_metrics(phase, published))
        except (KeyError, ValidationError):
            log.warning("the metrics of %s of %s are left out: another version wrote them", phase, job_id)
