"""Job records rebuilt from the volume: each run's folder is enough. What cannot be read of one job stops no other."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable

from scriptorium.artifacts.checkpoints import complete_checkpoints
from scriptorium.contracts import Checkpoint, Level, Phase, TrainResult
from scriptorium.errors import JobMissing
from scriptorium.jobs.phase_metrics import collect_manifest_metrics
from scriptorium.jobs.records import WRITE_ERRORS, save_record
from scriptorium.jobs.runner import Context

log = logging.getLogger(__name__)

UNREADABLE = (KeyError, TypeError, ValueError, OSError)  # what reading another version's or a torn file raises


def restore_jobs(context: Context) -> list[str]:
    """Take every record that the store has lost, or an older one of, from the volume; return the ids of those jobs.

    The reaper sends those that have not ended. A record that cannot be read is named in a warning, and written again if
    the store has it.
    """
    restored = []
    jobs = list(context.volume.saved_jobs())
    deleted = set(context.store.deletions.ids())
    for job in jobs:
        if job.id in deleted:
            continue  # somebody wrote its record late; the sweeper removes it
        if context.store.jobs.restore(job):
            restore_metrics(context, job.id)
            restore_checkpoints(context, job.id)
            context.pipeline.log_event(job, "The job's record was restored from the volume.", Level.WARN)
            restored.append(job.id)
    rewrite_records(context, context.volume.job_ids() - {job.id for job in jobs})
    return restored


def restore_metrics(context: Context, job_id: str) -> None:
    """Set the metrics of every published phase; metrics of the moment, such as a training's speed, are lost."""
    for phase in Phase:
        published = context.volume.published(job_id, phase)
        if published is None:
            continue
        try:
            context.store.jobs.set_progress(job_id, collect_manifest_metrics(phase, published))
        except UNREADABLE:
            log.warning("the metrics of %s of %s are left out: another version wrote them", phase, job_id)


def restore_checkpoints(context: Context, job_id: str) -> None:
    """List a job's checkpoints again."""
    try:
        checkpoints = read_checkpoints(context, job_id)
    except UNREADABLE:
        log.warning("the checkpoints of %s are left out: another version wrote them", job_id)
        return
    for checkpoint in checkpoints:
        context.store.jobs.add_checkpoint(job_id, checkpoint)


def read_checkpoints(context: Context, job_id: str) -> list[Checkpoint]:
    """Read the checkpoints of a published training from its result, those of an unfinished one from its attempts."""
    volume = context.volume
    published = volume.published(job_id, Phase.TRAIN)
    if published:
        return TrainResult.model_validate(published["result"]).checkpoints
    attempts = volume.earlier_attempts(job_id, Phase.TRAIN, sys.maxsize)
    return [checkpoint for folder in attempts for checkpoint in complete_checkpoints(folder)]


def rewrite_records(context: Context, job_ids: Iterable[str]) -> None:
    """Write the volume's records of these jobs again, as far as the store has them."""
    for job_id in sorted(job_ids):
        try:
            save_record(context.store, context.volume, context.store.jobs.get(job_id))
        except (JobMissing, ValueError):
            continue  # lost or torn in both places; reading it has warned
        except WRITE_ERRORS as error:
            log.warning("the record of %s cannot be written: %s", job_id, error)
