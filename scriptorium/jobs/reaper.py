"""The reaper: sends a phase again if nobody works on it, because a worker died or shut down or a message was lost."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import cache

from scriptorium.contracts import Job, JobError, Level, Status
from scriptorium.errors import AttemptsExhausted, LeaseLost
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.runner import Context
from scriptorium.store.leases import phase_lease

log = logging.getLogger(__name__)

Waiting = Callable[[str], int]


def reap(context: Context, waiting: Waiting = queue.count_waiting) -> list[str]:
    """Check every active job once; return the ids of the jobs that were sent again."""
    jobs = context.store.jobs.active()
    holders = context.store.leases.holders([phase_lease(job.id, job.phase) for job in jobs])
    waiting = cache(waiting)  # each queue is read once a round
    return [job.id for job in jobs if _is_lost(context, job, holders, waiting) and _resend(context, job)]


def _is_lost(context: Context, job: Job, holders: Mapping[str, str | None], waiting: Waiting) -> bool:
    """Return whether no worker holds the job's phase and no message for it can still be in transit."""
    if job.status is Status.PAUSED or holders[phase_lease(job.id, job.phase)]:
        return False
    if job.cancel_requested:
        return True
    if time.time() - job.sent_at < context.settings.reaper_grace.total_seconds():
        return False
    return waiting(TABLE[job.phase].task) == 0


def _resend(context: Context, job: Job) -> bool:
    if job.cancel_requested:
        context.pipeline.cancel(job.id)
        return False
    attempt = job.attempts.get(job.phase, 0)
    if attempt - job.excused.get(job.phase, 0) >= context.settings.max_attempts:
        _fail_job(context, job, attempt)
        return False
    if attempt:
        text = f"{TABLE[job.phase].tag} The worker of attempt {attempt} is gone; the phase is sent again."
        context.pipeline.log_event(job, text, Level.WARN)
    log.warning("sending %s of %s again", job.phase, job.id)
    context.pipeline.dispatch(job)
    return True


def _fail_job(context: Context, job: Job, attempt: int) -> None:
    error = AttemptsExhausted(f"{job.phase} was tried {attempt} times, and its worker died each time.")
    body = JobError(code=error.code, message=error.message, next_step=error.next_step)
    try:
        context.pipeline.fail(job.id, job.phase, attempt, body)
    except LeaseLost:
        log.info("%s of %s moved on in the meantime", job.phase, job.id)
