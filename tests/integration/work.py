"""Jobs for these tests, and functions that stand in for the work of a phase."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from standins import BASE

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    Hyperparameters,
    Job,
    Phase,
    PrepareRequest,
    PrepareResult,
)
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe
from scriptorium.store.leases import LeaseState, phase_lease

SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=10)
DONE = PrepareResult(words=1, chapters=1, splits={})


def submit(context: Context, job_id: str) -> Job:
    """Submit a job with its own manuscript."""
    file = FileStore(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
    return context.pipeline.submit(
        Job(
            id=job_id,
            created_at=int(time.time()),
            model=BASE,
            training_file=file.id,
            recipe=Recipe(name="r"),
            hyperparameters=Hyperparameters(),
        )
    )


def prepare(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Write one file, as the work of a phase."""
    (folder / "train.jsonl").write_text("{}\n")
    reporter.message("[DATA] 1 example")
    return DONE


def never(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Fail, because this work must not begin."""
    raise AssertionError("the work has begun")


def event_messages(context: Context, job_id: str) -> list[str]:
    """Return the messages of a job's events, oldest first."""
    return [event.message for event in context.store.events.page(job_id, 100)][::-1]


def until_stopped(begun: threading.Event) -> Callable[[PrepareRequest, Path, Reporter], PrepareResult]:
    """Return work that runs until its reporter stops it."""

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        begun.set()
        while True:
            reporter.check()
            time.sleep(0.02)

    return work


def lose_lease(context: Context, job: Job, phase: Phase) -> None:
    """Remove a lease, as time does with the lease of a dead worker."""
    context.store.client.delete(f"scriptorium:lease:{phase_lease(job.id, phase)}")


def lease_state(context: Context, name: str) -> LeaseState:
    """Return the state of one lease."""
    return context.store.leases.states([name])[name]
