"""What is done once for a job that has ended: its events move to the volume, and its leases leave no trace."""

from __future__ import annotations

import time
from datetime import timedelta

from scriptorium.contracts import Phase
from scriptorium.jobs.archive.event_log import EventLog
from scriptorium.jobs.runner import Context
from scriptorium.store.leases import phase_lease

SETTLING_TIME = timedelta(minutes=1)  # the last events are appended after a job's record says that it has ended
JOBS_PER_ROUND = 100


def archive_ended(context: Context, settling_time: timedelta = SETTLING_TIME) -> list[str]:
    """Archive the events of some jobs that ended a while ago; return their ids."""
    event_log, index = EventLog(context.store.events, context.volume), context.store.jobs.index
    job_ids = index.unarchived(time.time() - settling_time.total_seconds(), JOBS_PER_ROUND)
    existing = [job.id for job in context.store.jobs.get_many(job_ids)]  # a deleted job has no folder either
    event_log.archive(existing)
    if job_ids:
        holders = context.store.leases.holders([phase_lease(job_id, phase) for job_id in job_ids for phase in Phase])
        unused = [name for name, holder in holders.items() if not holder]  # a worker may still be stopping
        context.store.leases.forget(unused)
        index.mark_archived(job_ids)
    return job_ids
