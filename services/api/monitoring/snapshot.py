"""What the store knows at one moment, read in few round trips: everything that /metrics shows is made from it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scriptorium.contracts import Job
from scriptorium.jobs import queue
from scriptorium.store import Store
from scriptorium.store.leases import GPU, LeaseState, phase_lease
from scriptorium.store.serving import Engine

NEWEST = 200  # ended jobs whose own series are shown


@dataclass(frozen=True)
class Snapshot:
    """The store at `now` (Unix seconds).

    `jobs` are all, newest first; `shown` those that have series of their own. `leases` has the lease on the present
    phase of every active job, by name. `told` says when a job's last event was. `waiting` counts each queue's messages.
    """

    now: float
    jobs: list[Job] = field(default_factory=list)
    shown: list[Job] = field(default_factory=list)
    numbers: dict[str, dict[str, float]] = field(default_factory=dict)
    leases: dict[str, LeaseState] = field(default_factory=dict)
    gpu: LeaseState = field(default_factory=LeaseState)
    told: dict[str, float] = field(default_factory=dict)
    engines: list[Engine] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def active(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs if not job.status.final]

    def lease(self, job: Job) -> LeaseState:
        """The lease on an active job's present phase."""
        return self.leases.get(phase_lease(job.id, job.phase), LeaseState())


def take_snapshot(store: Store, waiting: Callable[[str], int]) -> Snapshot:
    """Read the store; `waiting` counts the messages of a task's queue."""
    jobs = store.jobs.all()
    shown = choose_shown(jobs)
    active = [job for job in jobs if not job.status.final]
    leases = store.leases.look([GPU, *(phase_lease(job.id, job.phase) for job in active)])
    return Snapshot(
        now=time.time(),
        jobs=jobs,
        shown=shown,
        numbers=store.jobs.progress_of([job.id for job in shown]),
        leases=leases,
        gpu=leases[GPU],
        told=store.events.last_times([job.id for job in active]),
        engines=store.serving.engines(),
        waiting={name: waiting(task) for task, name in queue.QUEUES.items()},
    )


def choose_shown(jobs: Sequence[Job]) -> list[Job]:
    """The newest jobs, and every active one however old it is."""
    return [job for place, job in enumerate(jobs) if place < NEWEST or not job.status.final]
