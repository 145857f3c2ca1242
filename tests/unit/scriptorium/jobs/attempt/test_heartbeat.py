"""The reasons to stop, in their order; the heartbeat with a real store is in tests/integration."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from scriptorium.contracts import Phase
from scriptorium.errors import Cancelled, Interrupted, JobMissing, LeaseLost, Paused
from scriptorium.jobs.attempt.heartbeat import Heartbeat
from scriptorium.settings import Settings
from scriptorium.store import Lease


class StandInStore:
    """A store with one job, whose lease a test takes away."""

    def __init__(self) -> None:
        self.job: Any = SimpleNamespace(cancel_requested=False, pause_requested=False)
        self.is_mine = True
        self.leases = self.jobs = self

    def renew(self, lease: Lease, ttl: object) -> bool:
        return self.is_mine

    def get(self, job_id: str) -> Any:
        if self.job is None:
            raise JobMissing(f"There is no job {job_id!r}.")
        return self.job


@pytest.fixture
def store() -> StandInStore:
    return StandInStore()


@pytest.fixture
def shutdown() -> threading.Event:
    return threading.Event()


@pytest.fixture
def heartbeat(store: StandInStore, shutdown: threading.Event) -> Heartbeat:
    lease = Lease("ftjob-1:train", 1, "me")
    return Heartbeat(store, Settings(), "ftjob-1", Phase.TRAIN, lease=lease, shutdown=shutdown)  # type: ignore[arg-type]


def reason(heartbeat: Heartbeat) -> type[Exception] | None:
    heartbeat._beat()
    stopped = heartbeat.stop_reason()
    return type(stopped) if stopped else None


def test_the_most_urgent_reason_counts(store: StandInStore, shutdown: threading.Event, heartbeat: Heartbeat) -> None:
    assert reason(heartbeat) is None
    store.job.pause_requested = True
    assert reason(heartbeat) is Paused
    shutdown.set()
    assert reason(heartbeat) is Interrupted
    store.job.cancel_requested = True
    assert reason(heartbeat) is Cancelled
    store.is_mine = False
    assert reason(heartbeat) is LeaseLost


def test_a_pause_is_taken_back_but_a_lost_device_is_not(store: StandInStore, heartbeat: Heartbeat) -> None:
    store.job.pause_requested = True
    assert reason(heartbeat) is Paused
    store.job.pause_requested = False
    assert reason(heartbeat) is None
    heartbeat.lose_device()
    assert reason(heartbeat) is Interrupted


def test_a_deleted_jobs_lease_is_lost(store: StandInStore, heartbeat: Heartbeat) -> None:
    store.job = None
    assert reason(heartbeat) is LeaseLost
