"""How far a job is, in words for its owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase, Status
from scriptorium.errors import FileMissing
from scriptorium.jobs.runner import Context
from scriptorium.text.titles import choose_title
from services.api.pages.book_title import find_title
from services.api.pages.formats import format_duration

PHASE_NAMES = {
    Phase.PREPARE: "Reading the book",
    Phase.TRAIN: "Training",
    Phase.CALIBRATE: "Finding the right strength",
    Phase.MERGE: "Putting the model together",
    Phase.SERVE: "Starting the model",
    Phase.EVALUATE: "Measuring the voice",
}
ENDED_NAMES = {Status.SUCCEEDED: "Done", Status.FAILED: "Failed", Status.CANCELLED: "Cancelled"}

Numbers = Mapping[str, float]
PhaseState = Literal["done", "now", "to come", "stopped"]


@dataclass(frozen=True)
class JobLine:
    """A job in a line: its title and its book, what it is doing (`state`, then `detail`), and its share of `share`."""

    job: Job
    title: str
    book: str
    state: str
    detail: str
    share: float | None


@dataclass(frozen=True)
class PhaseLine:
    """A phase of a job: its name, whether it is done, and how long it took."""

    name: str
    state: PhaseState
    seconds: float | None


def describe_jobs(jobs: Sequence[Job], context: Context) -> list[JobLine]:
    """Describe jobs with their present progress."""
    books = [find_book(job, context) for job in jobs]
    states = context.store.jobs.progress_and_positions(jobs)
    return [
        describe_job(job, find_name(job, book, context.volume), book, numbers, position)
        for job, book, (numbers, position) in zip(jobs, books, states, strict=True)
    ]


def describe_job(job: Job, title: str, book: str, numbers: Numbers, position: int | None) -> JobLine:
    """Describe a job; `position` counts from 1 while it waits for a device."""
    return JobLine(
        job=job,
        title=title,
        book=book,
        state=name_state(job),
        detail=describe_detail(job, numbers, position),
        share=measure_share(job, numbers),
    )


def find_name(job: Job, book: str, volume: Volume) -> str:
    """Return the title that a job's owner gave it, or that of its book."""
    return job.suffix or find_title(volume, job, choose_title("", book))


def find_book(job: Job, context: Context) -> str:
    """Return the name of a job's book."""
    try:
        return FileStore(context.volume.files).get(job.training_file).filename
    except FileMissing:
        return "a deleted book"


def name_state(job: Job) -> str:
    """Name what a job is doing, in few words that change seldom."""
    if job.status.final:
        return ENDED_NAMES[job.status]
    if job.cancel_requested:
        return "Stopping"
    if job.open_decision:
        return "Waiting for your answer"
    if job.status is Status.PAUSED:
        return "Paused"
    if job.pause_requested:
        return "Pausing"
    return "Waiting for its turn" if job.status is Status.QUEUED else PHASE_NAMES[job.phase]


def describe_detail(job: Job, numbers: Numbers, position: int | None) -> str:
    """Say how far a job is, in words that change often; empty if there is nothing to add."""
    if job.status.final:
        return f"after {format_duration(job.finished_at - job.created_at)}" if job.finished_at else ""
    if job.status is Status.QUEUED:
        return "" if position is None else f"place {position} in the queue"
    total = numbers.get("total_steps")
    if job.phase is not Phase.TRAIN or not total:
        return ""
    words = f"step {numbers.get('step', 0):.0f} of {total:.0f}"
    left = numbers.get("eta_seconds")
    running = job.status is Status.RUNNING and left is not None
    return f"{words}, about {format_duration(left)} left" if running and left else words


def measure_share(job: Job, numbers: Numbers) -> float | None:
    """Return the share of the phases that are done, with the training's own share; None for a job that has ended."""
    if job.status.final:
        return None
    done = float(list(Phase).index(job.phase))
    if job.phase is Phase.TRAIN and numbers.get("total_steps"):
        done += min(1.0, numbers.get("step", 0) / numbers["total_steps"])
    return done / len(Phase)


def list_phases(job: Job, numbers: Numbers) -> list[PhaseLine]:
    """Return a job's phases in order."""
    present = list(Phase).index(job.phase)
    return [
        PhaseLine(PHASE_NAMES[phase], _phase_state(job, place - present), numbers.get(f"phase_seconds/{phase}"))
        for place, phase in enumerate(Phase)
    ]


def _phase_state(job: Job, distance: int) -> PhaseState:
    """Return the state of the phase that is `distance` behind the present one."""
    if distance < 0 or job.status is Status.SUCCEEDED:
        return "done"
    if distance > 0:
        return "to come"
    return "stopped" if job.status.final else "now"
