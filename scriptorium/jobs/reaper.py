"""The reaper: sends a phase again if nobody works on it, because a worker died or shut down or a message was lost.

A phase that was claimed and has no lease any more has lost its worker: it is sent again at once, whatever waits in its
queue. One that nobody has claimed may still wait in a long queue, or its message is lost: it is sent again at doubling
intervals, so that its message is never long in coming and duplicates, which no worker can claim, stay few.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import cache

from scriptorium.contracts import Job, JobError, Level, Status
from scriptorium.errors import AttemptsExhausted, Cancelled, LeaseLost
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.runner import Context
from scriptorium.jobs.steering import settle_pause
from scriptorium.store.leases import phase_lease

log = logging.getLogger(__name__)

Waiting = Callable[[str], int]

MAX_CHANGES_PER_ROUND = 50  # jobs; the rest follow in the next round, a few seconds later


def reap(context: Context, waiting: Waiting = queue.count_waiting) -> list[str]:
    """Check every active job once; return the ids of the jobs that were sent again, those of lost workers first."""
    waiting = cache(waiting)  # a queue's length is read once a round
    jobs, leases = context.store.jobs.active(), context.store.leases
    names = [phase_lease(job.id, job.phase) for job in jobs]
    holders = leases.holders(names)
    leases.limit([*filter(holders.get, names), *leases.devices()], context.settings.lease_ttl)
    lost = [job for job in jobs if _is_lost(context, job, holders, waiting)]
    lost.sort(key=lambda job: job.sent_at > 0)
    return [job.id for job in lost[:MAX_CHANGES_PER_ROUND] if _resend(context, job)]


def _is_lost(context: Context, job: Job, holders: Mapping[str, str | None], waiting: Waiting) -> bool:
    """Return whether no worker holds the job's phase and a message for it is due."""
    if holders[phase_lease(job.id, job.phase)]:
        return False
    if job.cancel_requested or job.pausing:
        return True
    if job.status is Status.PAUSED:
        return False
    silence = abs(time.time() - job.hinted_at)  # a time in the future is from a clock that was wrong, here or there
    if silence < context.settings.reaper_grace.total_seconds():
        return False
    is_claimed = job.sent_at == 0
    return is_claimed or silence >= job.hinted_at - job.sent_at or waiting(TABLE[job.phase].task) == 0


def _resend(context: Context, job: Job) -> bool:
    if job.cancel_requested:
        context.pipeline.cancel(job.id)
        return False
    if job.pausing:
        settle_pause(context.pipeline, job.id)
        return False
    if job.sent_at:
        log.info("sending %s of %s again, which nobody has claimed", job.phase, job.id)
        context.pipeline.repeat(job)
        return True
    attempt = job.attempts.get(job.phase, 0)
    if _is_exhausted(context, job, attempt):
        _fail_job(context, job, attempt)
        return False
    if attempt:
        text = f"{TABLE[job.phase].tag} The worker of attempt {attempt} is gone; the phase is sent again."
        context.pipeline.log_event(job, text, Level.WARN)
    log.warning("sending %s of %s again", job.phase, job.id)
    context.pipeline.dispatch(job)
    return True


def _is_exhausted(context: Context, job: Job, attempt: int) -> bool:
    """Return whether the job's phase may not be tried again; one that was published only has to be advanced."""
    counted = attempt - job.excused.get(job.phase, 0)
    return (
        counted >= context.settings.max_attempts and context.volume.published_in(job.id, job.phase, job.round) is None
    )


def _fail_job(context: Context, job: Job, attempt: int) -> None:
    error = AttemptsExhausted(f"{job.phase} was tried {attempt} times, and its worker died each time.")
    body = JobError(code=error.code, message=error.message, next_step=error.next_step)
    try:
        context.pipeline.fail(job.id, job.phase, attempt, body)
    except (LeaseLost, Cancelled):
        log.info("%s of %s moved on in the meantime", job.phase, job.id)
