"""The heartbeat of an attempt: a thread that renews its lease and notes why it should stop, if it should.

It should stop, most urgent first, because its lease or its device was lost, because its user cancels the job, because
the worker shuts down, or because its user pauses the job. A pause that is taken back in time is no reason any more.
"""

from __future__ import annotations

import logging
import threading

from scriptorium.contracts import Phase
from scriptorium.errors import Cancelled, Interrupted, JobMissing, LeaseLost, Stopped, StoreUnavailable
from scriptorium.jobs.steering import requested_stop
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store
from scriptorium.store.connection import store_errors

log = logging.getLogger(__name__)


class Heartbeat:
    """Keeps a lease on a phase of a job while it is entered, and releases it at the end."""

    def __init__(
        self, store: Store, settings: Settings, job_id: str, phase: Phase, *, lease: Lease, shutdown: threading.Event
    ) -> None:
        self._store = store
        self._settings = settings
        self._job_id = job_id
        self._phase = phase
        self._lease = lease
        self._shutdown = shutdown
        self._loss: Stopped | None = None
        self._request: Stopped | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat_until_ended, name=f"lease-{phase}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._store.leases.release(self._lease)

    def stop_reason(self) -> Stopped | None:
        """Return the most urgent reason to stop, if there is one."""
        if self._loss or isinstance(self._request, Cancelled):
            return self._loss or self._request
        return Interrupted("the worker is shutting down") if self._shutdown.is_set() else self._request

    def lose_device(self) -> None:
        """Note that the attempt's device was granted to somebody else."""
        self._loss = self._loss or Interrupted("the device was granted to somebody else")

    def _beat_until_ended(self) -> None:
        while not self._ended.wait(self._settings.heartbeat.total_seconds()):
            try:
                with store_errors():
                    self._beat()
            except StoreUnavailable as error:
                log.warning("no heartbeat: %s", error)  # the lease may expire; renew() then reports it

    def _beat(self) -> None:
        try:
            if self._store.leases.renew(self._lease, self._settings.lease_ttl):
                self._request = requested_stop(self._store.jobs.get(self._job_id))
            else:
                self._loss = LeaseLost(f"another attempt holds {self._phase} of {self._job_id}")
        except JobMissing:
            self._loss = LeaseLost(f"{self._job_id} was deleted")
