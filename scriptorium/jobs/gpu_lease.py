"""The GPU as a lease: its user requests it, waits until the other user has released it, and renews it while working.

On a machine without a GPU, the same lease keeps training and serving from competing for the CPU.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from scriptorium.jobs.reporter import Reporter
from scriptorium.store import Lease, Store
from scriptorium.store.leases import GPU

POLL_INTERVAL = 0.5  # seconds


@contextmanager
def hold_gpu(store: Store, holder: str, ttl: timedelta, reporter: Reporter) -> Iterator[Lease]:
    """Wait for the GPU, hold it, and release it at the end. Raises what `reporter.check` raises while waiting."""
    lease = _wait(store, holder, ttl, reporter)
    ended = threading.Event()

    def renew_until_ended() -> None:
        while not ended.wait(ttl.total_seconds() / 4):
            store.leases.renew(lease, ttl)

    heartbeat = threading.Thread(target=renew_until_ended, name="lease-gpu", daemon=True)
    heartbeat.start()
    try:
        yield lease
    finally:
        ended.set()
        heartbeat.join()
        store.leases.release(lease)


def _wait(store: Store, holder: str, ttl: timedelta, reporter: Reporter) -> Lease:
    announced = False
    try:
        while (lease := store.leases.acquire(GPU, holder, ttl)) is None:
            store.leases.request(GPU, holder, ttl)
            if not announced:
                reporter.message(f"Waiting for the GPU, held by {store.leases.holder(GPU) or 'somebody'}.")
                announced = True
            reporter.check()
            time.sleep(POLL_INTERVAL)
        return lease
    finally:
        store.leases.withdraw_request(GPU)
