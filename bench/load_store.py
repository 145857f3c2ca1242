"""A store as years of use leave it, for bench/load.py: ended jobs, queued jobs and their events.

It is written past the store's classes, in the layout of a version without indexes and counts, so that the benchmark
also shows what an old store costs when it is taken over.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from scriptorium.contracts import Event, EventType, Hyperparameters, Job, JobError, Phase, Status
from scriptorium.metrics import JOB_METRICS
from scriptorium.recipe import Recipe
from scriptorium.store import Store

ENDED_JOBS = 10_000
QUEUED_JOBS = 1_000
EVENTS = 1_000_000
EVENTS_PER_ENDED_JOB = (EVENTS - QUEUED_JOBS) // ENDED_JOBS  # 99; each queued job has one
REMAINING_EVENTS = EVENTS - QUEUED_JOBS - ENDED_JOBS * EVENTS_PER_ENDED_JOB  # of the last ended job
COMMANDS_PER_BATCH = 5_000
SECONDS_BETWEEN_JOBS = 600

Command = tuple[Any, ...]


def fill(store: Store) -> tuple[list[Job], list[Job]]:
    """Write every job with its events, and return the ended and the queued jobs, oldest first."""
    jobs = [make_job(number) for number in range(ENDED_JOBS + QUEUED_JOBS)]
    ended, queued = jobs[:ENDED_JOBS], jobs[ENDED_JOBS:]
    pipe = store.client.pipeline(transaction=False)
    for job in jobs:
        last = job is ended[-1]
        for command in (*job_commands(job), *event_commands(job, REMAINING_EVENTS if last else 0)):
            pipe.execute_command(*command)
        if len(pipe) >= COMMANDS_PER_BATCH or job is jobs[-1]:
            pipe.execute()
    return ended, queued


def make_job(number: int) -> Job:
    """Make the job of a number: the first `ENDED_JOBS` have ended, the rest wait for the GPU."""
    age = (ENDED_JOBS + QUEUED_JOBS - number) * SECONDS_BETWEEN_JOBS
    created_at = int(time.time()) - age
    job = Job(
        id=f"ftjob-{number:024x}",
        created_at=created_at,
        model="meta-llama/Llama-3.1-8B-Instruct",
        training_file=f"file-{number:024x}",
        suffix="voice",
        metadata={"author": f"author-{number % 100}"},
        recipe=Recipe(name="qlora"),
        hyperparameters=Hyperparameters(),
        status=Status.QUEUED,
        phase=Phase.TRAIN,
        attempts={Phase.PREPARE: 1},
        sent_at=created_at + 60.5,
        hinted_at=time.time(),
    )
    if number >= ENDED_JOBS:
        return job
    ending: dict[str, Any] = {
        "status": Status.SUCCEEDED,
        "phase": Phase.EVALUATE,
        "attempts": dict.fromkeys(Phase, 1),
        "finished_at": created_at + 3600,
        "fine_tuned_model": job.tuned_name,
        "trained_tokens": 123_456,
        "result_files": [f"file-{number:020x}{place:04x}" for place in range(6)],
    }
    if number % 10 == 0:
        error = JobError(code="out_of_memory", message="The device has no memory left.", next_step="Use less.")
        ending |= {"status": Status.FAILED, "error": error, "phase": Phase.TRAIN, "fine_tuned_model": None}
    return job.model_copy(update=ending)


def job_commands(job: Job) -> Iterator[Command]:
    """Yield what writes a job's record, its progress and the traces of its leases."""
    yield "SET", f"scriptorium:job:{job.id}", job.model_dump_json()
    yield "ZADD", "scriptorium:jobs", job.created_at, job.id
    if not job.status.final:
        yield "SADD", "scriptorium:jobs:active", job.id
    yield "HSET", f"scriptorium:progress:{job.id}", *(part for pair in progress(job).items() for part in pair)
    for phase, token in job.attempts.items():
        yield "SET", f"scriptorium:fence:{job.id}:{phase}", token
        yield "HSET", f"scriptorium:lease-record:{job.id}:{phase}", "granted_at", job.created_at, "waited", 0.0


def progress(job: Job) -> dict[str, float]:
    """Return the numbers that the workers of a job have reported."""
    numbers = {"data_words": 81_234.0, "data_chapters": 24, "data_findings": 0, "phase_seconds/prepare": 2.5}
    numbers |= {f"data_examples/{split}": 100 for split in ("train", "dev", "test")}
    if job.status.final:
        plain = [key for key, metric in JOB_METRICS.items() if metric.labels == ("job_id",)]
        numbers |= dict.fromkeys(plain, 1.2345)
        numbers |= {f"curve_loss/{percent}": 2.3456 for percent in range(5, 101, 5)}
        numbers |= {f"phase_seconds/{phase}": 123.456 for phase in Phase}
    return numbers


def event_commands(job: Job, more: int) -> Iterator[Command]:
    """Yield what appends a job's events, a second apart."""
    count = EVENTS_PER_ENDED_JOB + more if job.status.final else 1
    stream = f"scriptorium:events:{job.id}"
    for number in range(count):
        entry = f"{(job.created_at + number) * 1000}-0"
        yield "XADD", stream, entry, "event", make_event(job, number).model_dump_json(exclude={"id"})


def make_event(job: Job, number: int) -> Event:
    """Make an event as training reports them: a line of text and its numbers."""
    if number == 0:
        return Event(created_at=job.created_at, message=f"Created fine-tuning job: {job.id}")
    loss, rate = 1 + random.random(), random.random() / 10_000  # noqa: S311  numbers of the usual length
    data = {
        "step": number,
        "total_steps": 100,
        "epoch": number / 33,
        "train_loss": loss,
        "learning_rate": rate,
        "gradient_norm": 0.812345,
        "trained_tokens": number * 4096,
        "tokens_per_second": 2345.678,
        "eta_seconds": (100 - number) * 1.7,
    }
    text = f"[TRAIN] Step {number}/100: training loss={loss:.4f}, learning rate={rate:.2e}"
    return Event(created_at=job.created_at + number, type=EventType.METRICS, message=text, data=data)
