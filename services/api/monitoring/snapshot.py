"""A snapshot of the store, read in few round trips: /metrics is computed from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from scriptorium.contracts import Job
from scriptorium.jobs import queue
from scriptorium.store import Store
from scriptorium.store.leases import LeaseState, phase_lease
from scriptorium.store.serving import Engine

MAX_SHOWN_JOBS = 200  # jobs, the newest, that have series of their own even after they have ended


@dataclass(frozen=True)
class Snapshot:
    """The store at `now` (Unix seconds).

    `jobs` are all jobs, newest first; `shown_jobs` those that have series of their own. `leases` has the lease on the
    present phase of every active job, by name; `last_event_times` the time of the last event by job; `queue_lengths`
    the number of messages by queue.
    """

    now: float
    jobs: list[Job] = field(default_factory=list)
    shown_jobs: list[Job] = field(default_factory=list)
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    leases: dict[str, LeaseState] = field(default_factory=dict)
    gpu: LeaseState = field(default_factory=LeaseState)
    last_event_times: dict[str, float] = field(default_factory=dict)
    engines: list[Engine] = field(default_factory=list)
    queue_lengths: dict[str, int] = field(default_factory=dict)

    @property
    def active(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs if not job.status.final]

    def lease(self, job: Job) -> LeaseState:
        """Return the lease on an active job's present phase."""
        return self.leases.get(phase_lease(job.id, job.phase), LeaseState())


def take_snapshot(store: Store, count_waiting: Callable[[str], int]) -> Snapshot:
    """Read the store; `count_waiting` counts the messages of a task's queue."""
    jobs = store.jobs.all()
    shown_jobs = choose_shown_jobs(jobs)
    active = [job for job in jobs if not job.status.final]
    leases = store.leases.states(
        [*(devices := store.leases.devices()), *(phase_lease(job.id, job.phase) for job in active)]
    )
    return Snapshot(
        now=time.time(),
        jobs=jobs,
        shown_jobs=shown_jobs,
        numbers=store.jobs.progress_of([job.id for job in shown_jobs]),
        leases=leases,
        gpu=combine_devices([leases[device] for device in devices]),
        last_event_times=store.events.last_times([job.id for job in active]),
        engines=store.serving.engines(),
        queue_lengths={name: count_waiting(task) for task, name in queue.QUEUES.items()},
    )


def choose_shown_jobs(jobs: Sequence[Job]) -> list[Job]:
    """Return the newest jobs, and every active job however old it is."""
    return [job for position, job in enumerate(jobs) if position < MAX_SHOWN_JOBS or not job.status.final]


def combine_devices(states: Sequence[LeaseState]) -> LeaseState:
    """Combine the devices' leases: a training among the holders is named first, grants are counted together."""
    holders = sorted((state for state in states if state.holder), key=lambda state: not state.holder_is_job)
    latest = max(states, key=lambda state: state.granted_at or 0.0, default=LeaseState())
    return replace(
        holders[0] if holders else latest, grants=sum(state.grants for state in states), waited=latest.waited
    )
