"""A snapshot of the store, read in few round trips: /metrics is computed from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from scriptorium.contracts import Job
from scriptorium.jobs import queue
from scriptorium.store import Store
from scriptorium.store.job_index import JobCounts
from scriptorium.store.leases import LeaseState, phase_lease
from scriptorium.store.serving import Engine

MAX_SHOWN_JOBS = 200  # jobs, the newest, that have series of their own even after they have ended


@dataclass(frozen=True)
class Snapshot:
    """The store at `now` (Unix seconds).

    `counts` are those of all jobs; `shown_jobs` those that have series of their own, among them every active one.
    `leases` has the lease on the present phase of every active job that was claimed in it, by name; `last_event_times`
    the time of the last event of those by job; `queue_lengths` the number of messages by queue; `deliveries`
    the number of attempts by "channel/result".
    """

    now: float
    counts: JobCounts = field(default_factory=JobCounts)
    shown_jobs: list[Job] = field(default_factory=list)
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    leases: dict[str, LeaseState] = field(default_factory=dict)
    gpu: LeaseState = field(default_factory=LeaseState)
    last_event_times: dict[str, float] = field(default_factory=dict)
    engines: list[Engine] = field(default_factory=list)
    queue_lengths: dict[str, int] = field(default_factory=dict)
    deliveries: dict[str, int] = field(default_factory=dict)

    @cached_property
    def active(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.shown_jobs if not job.status.final]

    def lease(self, job: Job) -> LeaseState:
        """Return the lease on an active job's present phase."""
        return self.leases.get(phase_lease(job.id, job.phase), LeaseState())


def take_snapshot(store: Store, count_waiting: Callable[[str], int]) -> Snapshot:
    """Read the store; `count_waiting` counts the messages of a task's queue."""
    shown_jobs = choose_shown_jobs(store.jobs.newest(MAX_SHOWN_JOBS), store.jobs.active())
    claimed = [job for job in shown_jobs if not job.status.final and job.phase in job.attempts]
    devices = store.leases.devices()
    leases = store.leases.states([*devices, *(phase_lease(job.id, job.phase) for job in claimed)])
    return Snapshot(
        now=time.time(),
        counts=store.jobs.index.counts(),
        shown_jobs=shown_jobs,
        numbers=store.jobs.progress_of([job.id for job in shown_jobs]),
        leases=leases,
        gpu=combine_devices([leases[device] for device in devices]),
        last_event_times=store.events.last_times([job.id for job in claimed]),
        engines=store.serving.engines(),
        queue_lengths={name: count_waiting(task) for task, name in queue.QUEUES.items()},
        deliveries=store.deliveries.counts(),
    )


def choose_shown_jobs(newest: Sequence[Job], active: Sequence[Job]) -> list[Job]:
    """Return the newest jobs, and every active job however old it is, newest first."""
    jobs = {job.id: job for job in (*active, *newest)}
    return sorted(jobs.values(), key=lambda job: (job.submitted, job.id), reverse=True)


def combine_devices(states: Sequence[LeaseState]) -> LeaseState:
    """Combine the devices' leases: a training among the holders is named first, grants are counted together."""
    holders = sorted((state for state in states if state.holder), key=lambda state: not state.holder_is_job)
    latest = max(states, key=lambda state: state.granted_at or 0.0, default=LeaseState())
    return replace(
        holders[0] if holders else latest, grants=sum(state.grants for state in states), waited=latest.waited
    )
