"""Devices: what a worker trains and serves on, each with one tenant at a time.

A device is `gpu:<machine>:<index>`, or `cpu:<machine>` on a machine without a GPU. Its lease is granted in the order of
rank: by priority, then by time of submission. Memory is read before the tenant begins, because only what is read is
free: the driver gives a process's memory back some time after it has ended.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from scriptorium.contracts import Job, Phase
from scriptorium.errors import StoreUnavailable
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.reporter import Reporter
from scriptorium.process.device_memory import DeviceMemory, read_device_memory
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store
from scriptorium.store.connection import store_errors
from scriptorium.store.leases import phase_lease

log = logging.getLogger(__name__)

POLL_INTERVAL = 0.5  # seconds
VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"

announced_waits: set[str] = set()  # jobs whose wait for a device this worker has logged, as long as they go on


def list_devices(settings: Settings) -> list[str]:
    """Return the names of the devices that this machine's workers may use."""
    if not settings.gpu:
        return [f"cpu:{settings.machine_name}"]
    return [f"gpu:{settings.machine_name}:{index}" for index in settings.gpu_indices]


def gpu_index(device: str) -> int | None:
    """Return the index of a GPU on its machine; None for a CPU."""
    return int(device.rsplit(":", 1)[1]) if device.startswith("gpu:") else None


def record_devices(
    store: Store,
    devices: Sequence[str],
    read: Callable[[int | None], DeviceMemory | None] = read_device_memory,
) -> None:
    """Record devices in the store, and the memory of those that are GPUs: the API's container sees none of them."""
    store.leases.add_devices(devices)
    memories = {device: read(index) for device in devices if (index := gpu_index(device)) is not None}
    store.leases.set_device_memory({device: memory.total for device, memory in memories.items() if memory})


@dataclass
class Tenancy:
    """A device that is held; `on_lost` is called once if somebody else is granted it."""

    device: str
    lease: Lease
    on_lost: Callable[[], None] = lambda: None


def try_devices(store: Store, devices: Sequence[str], job: Job, ttl: timedelta, patience: timedelta) -> Tenancy | None:
    """Take the first device that is granted to a job within `patience`; it waits in the queues of all meanwhile."""
    record_devices(store, devices)
    deadline = time.monotonic() + patience.total_seconds()
    while True:
        for device in devices:
            if lease := store.leases.acquire(device, job.id, ttl, job.rank):
                for other in devices:
                    store.leases.leave_queue(other, job.id)
                return Tenancy(device, lease)
        if time.monotonic() >= deadline:
            return None
        time.sleep(POLL_INTERVAL)


def next_waiting_job(store: Store, phase: Phase, tried: Collection[str] = ()) -> Job | None:
    """Return the job of the lowest rank that waits for a phase: a message says that there is work, not whose."""
    waiting = [job for job in store.jobs.active() if job.phase is phase and job.claimable]
    states = store.leases.states([phase_lease(job.id, phase) for job in waiting])
    unclaimed = [job for job in waiting if job.id not in tried and states[phase_lease(job.id, phase)].holder is None]
    return min(unclaimed, key=lambda job: (job.rank, job.id), default=None)


def report_wait(pipeline: Pipeline, job: Job, devices: Sequence[str]) -> None:
    """Log once per worker who holds the devices that a job waits for."""
    if job.id in announced_waits:
        return
    announced_waits.add(job.id)
    announced_waits.difference_update(pipeline.store.jobs.index.ended(list(announced_waits)))
    holders = [pipeline.store.leases.holder(device) or "somebody" for device in devices]
    pipeline.log_event(job, f"Waiting for a device, held by {', '.join(dict.fromkeys(holders))}.")


@contextmanager
def keep_device(store: Store, tenancy: Tenancy, ttl: timedelta) -> Iterator[Tenancy]:
    """Renew a device's lease in a thread, and release it at the end.

    A store that does not answer, or refuses a write, is asked again: as long as it is away nobody else is granted the
    device either. A GPU is made the only one that child processes see.
    """
    ended = threading.Event()

    def renew_until_ended() -> None:
        while not ended.wait(ttl.total_seconds() / 4):
            try:
                with store_errors():
                    if not store.leases.renew(tenancy.lease, ttl):
                        log.warning("%s was granted to somebody else", tenancy.device)
                        tenancy.on_lost()
                        return
            except StoreUnavailable as error:
                log.warning("the lease of %s was not renewed: %s", tenancy.device, error)

    heartbeat = threading.Thread(target=renew_until_ended, name="lease-device", daemon=True)
    heartbeat.start()
    try:
        with visible_gpu(gpu_index(tenancy.device)):
            yield tenancy
    finally:
        ended.set()
        heartbeat.join()
        store.leases.release(tenancy.lease)


@contextmanager
def visible_gpu(index: int | None) -> Iterator[None]:
    """Let child processes see one GPU only; a worker does one phase at a time, so its own environment is the place."""
    before = os.environ.get(VISIBLE_DEVICES)
    if index is not None:
        os.environ[VISIBLE_DEVICES] = str(index)
    try:
        yield
    finally:
        if index is not None:
            os.environ.pop(VISIBLE_DEVICES)
            if before is not None:
                os.environ[VISIBLE_DEVICES] = before


def await_free_memory(
    device: str,
    share: float,
    reporter: Reporter,
    read: Callable[[int | None], DeviceMemory | None] = read_device_memory,
) -> None:
    """Wait until a share of the device's memory is really free. Raises what `reporter.check` raises meanwhile."""
    announced = False
    while (memory := read(gpu_index(device))) is not None and memory.free < share * memory.total:
        if not announced:
            reporter.message(f"Waiting for memory on {device}: {memory}.")
            announced = True
        reporter.check()
        time.sleep(POLL_INTERVAL)
