"""The ambush: workers of short phases are frozen while they are idle, so that a fault can meet them at work.

The tiny model is merged in a twentieth of a second: no fault at a random moment would ever come in that time.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence

from scriptorium.store.leases import phase_lease
from tests.faults.matrix.faults import WORKER
from tests.faults.matrix.machine import Machine, attempt, signal_all

SHORT_PHASE_WORKERS = ("data", "evaluator", "merger")


class Ambush:
    """The services that are held: all their workers are frozen, and none works."""

    def __init__(self, machine: Machine) -> None:
        self.services: set[str] = set()
        self._machine = machine

    def hold(self, job_ids: Sequence[str]) -> None:
        """Freeze the workers of short phases that nobody needs now."""
        busy = attempt(lambda: self._busy(job_ids))
        for service in set(SHORT_PHASE_WORKERS) - (set(SHORT_PHASE_WORKERS) if busy is None else busy):
            if signal_all(self._machine.pids(service), signal.SIGSTOP):
                self.services.add(service)

    def release(self) -> None:
        """Let everybody work."""
        for service in self.services:
            signal_all(self._machine.pids(service), signal.SIGCONT)
        self.services.clear()

    def _busy(self, job_ids: Sequence[str]) -> set[str]:
        """Return the services that work on one of the jobs."""
        jobs = self._machine.jobs(job_ids)
        with self._machine.store() as store:
            holders = store.leases.holders([phase_lease(job.id, job.phase) for job in jobs])
        return {WORKER[job.phase] for job in jobs if holders[phase_lease(job.id, job.phase)]}
