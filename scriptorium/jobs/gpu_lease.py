"""The GPU is a lease: whoever needs it asks, waits until the other has really let go, and keeps it alive while working.

On a machine without one the same lease keeps training and serving from sharing two cores.
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

LOOK = 0.5


@contextmanager
def hold_gpu(store: Store, holder: str, ttl: timedelta, reporter: Reporter) -> Iterator[Lease]:
    """Wait for the GPU, hold it, and let go at the end; raises what `report.check` raises while waiting."""
    lease = _wait(store, holder, ttl, reporter)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(ttl.total_seconds() / 4):
            store.leases.renew(lease, ttl)

    heart = threading.Thread(target=beat, name="lease-gpu", daemon=True)
    heart.start()
    try:
        yield lease
    finally:
        ended.set()
        heart.join()
        store.leases.release(lease)


def _wait(store: Store, holder: str, ttl: timedelta, reporter: Reporter) -> Lease:
    told = False
    try:
        while (lease := store.leases.acquire(GPU, holder, ttl)) is None:
            store.leases.request(GPU, holder, ttl)
            if not told:
                reporter.message(f"Waiting for the GPU, held by {store.leases.holder(GPU) or 'somebody'}.")
                told = True
            reporter.check()
            time.sleep(LOOK)
        return lease
    finally:
        store.leases.withdraw(GPU)
