"""The reaper re-sends what nobody works on: a worker that died, a message that got lost, a shutdown in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from scriptorium.contracts import Job, JobError, Level, Status
from scriptorium.errors import AttemptsExhausted, LeaseLost
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.runner import Context
from scriptorium.store.leases import phase_lease

log = logging.getLogger(__name__)

Waiting = Callable[[str], int]


def reap(context: Context, waiting: Waiting = queue.waiting) -> list[str]:
    """Look at every active job once; returns the ids of those that were sent again."""
    return [job.id for job in context.store.jobs.active() if _lost(context, job, waiting) and _revive(context, job)]


def _lost(context: Context, job: Job, waiting: Waiting) -> bool:
    """Whether no worker holds the job's phase and no message for it can still be on its way."""
    if job.status is Status.PAUSED or context.store.leases.holder(phase_lease(job.id, job.phase)):
        return False
    if job.cancel_requested:
        return True
    if time.time() - job.sent_at < context.settings.reaper_grace.total_seconds():
        return False
    return waiting(TABLE[job.phase].task) == 0


def _revive(context: Context, job: Job) -> bool:
    if job.cancel_requested:
        context.pipeline.cancelled(job.id)
        return False
    attempt = job.attempts.get(job.phase, 0)
    if attempt - job.excused.get(job.phase, 0) >= context.settings.max_attempts:
        _give_up(context, job, attempt)
        return False
    if attempt:
        text = f"{TABLE[job.phase].tag} The worker of attempt {attempt} is gone; the phase is taken up again."
        context.pipeline.say(job, text, Level.WARN)
    log.warning("sending %s of %s again", job.phase, job.id)
    context.pipeline.dispatch(job)
    return True


def _give_up(context: Context, job: Job, attempt: int) -> None:
    error = AttemptsExhausted(f"{job.phase} was tried {attempt} times, and each time its worker died.")
    body = JobError(code=error.code, message=error.message, next_step=error.next_step)
    try:
        context.pipeline.fail(job.id, job.phase, attempt, body)
    except LeaseLost:
        log.info("%s of %s moved on in the meantime", job.phase, job.id)
