"""Jobs to work on, and work that stands in for a phase's own, in these tests."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from standins import BASE

from scriptorium.artifacts.file_store import Files
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
    """Submit a job with a manuscript of its own."""
    file = Files(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
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
    """A phase's work that leaves one file."""
    (folder / "train.jsonl").write_text("{}\n")
    reporter.message("[DATA] 1 example")
    return DONE


def never(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Work that must not be begun."""
    raise AssertionError("the work was begun")


def story(context: Context, job_id: str) -> list[str]:
    """What was said of a job, oldest first."""
    return [event.message for event in context.store.events.page(job_id, 100)][::-1]


def until_stopped(begun: threading.Event) -> Callable[[PrepareRequest, Path, Reporter], PrepareResult]:
    """Work that goes on until its report stops it."""

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        begun.set()
        while True:
            reporter.check()
            time.sleep(0.02)

    return work


def lose_lease(context: Context, job: Job, phase: Phase) -> None:
    """What the passing of time does to the lease of a dead worker."""
    context.store.client.delete(f"scriptorium:lease:{phase_lease(job.id, phase)}")


def look(context: Context, name: str) -> LeaseState:
    """The state of one lease."""
    return context.store.leases.look([name])[name]
