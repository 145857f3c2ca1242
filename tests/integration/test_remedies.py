"""A training without memory or disk space: the job asks, and its next attempt has the answer."""

from __future__ import annotations

import errno
import io
import shutil
import time
from pathlib import Path

import pytest
from standins import BASE
from work import event_messages

from scriptorium.artifacts import manifest
from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    DecisionKind,
    Hyperparameters,
    Job,
    Phase,
    Status,
    TrainRequest,
    TrainResult,
)
from scriptorium.errors import DiskFull, OutOfMemory
from scriptorium.jobs.records import update_record
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import REQUEST_MAKERS
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.jobs.steering import cancel_job
from scriptorium.planning.resolve import resolve_training
from scriptorium.recipe import Decisions, Recipe, Training
from services.trainer.failures.remedies import ask_about_disk, ask_about_memory

RESULT = TrainResult(checkpoints=[], first_loss=3.0, last_loss=2.0, steps=1, trained_tokens=1, seconds=1.0)


class MemoryTraining:
    """Work that has memory for `rows` rows at a time, and records the micro-batches that it was given."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.batches: list[int] = []

    def __call__(self, request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
        training = resolve_training(request.training, 8)
        while True:
            self.batches.append(training.micro_batch_size)
            if training.micro_batch_size <= self.rows:
                return RESULT
            error = OutOfMemory(f"Training ran out of memory (micro-batch {training.micro_batch_size})")
            training = ask_about_memory(error, training, 100, reporter)


def submit(context: Context, **policy: str) -> Job:
    """Submit a job that has been prepared."""
    file = FileStore(context.volume.files).add(io.BytesIO(b"Once."), "book.txt", "fine-tune")
    recipe = Recipe(
        name="r",
        training=Training(micro_batch_size=8, gradient_accumulation_steps="auto", keep=0),
        decisions=Decisions.model_validate(policy),
    )
    job = Job(id="ftjob-1", created_at=int(time.time()), model=BASE, training_file=file.id, recipe=recipe,
              hyperparameters=Hyperparameters(), phase=Phase.TRAIN, status=Status.QUEUED)  # fmt: skip
    folder = context.volume.folder(job.id, Phase.PREPARE)
    folder.mkdir(parents=True)
    manifest.write(folder, {"result": {}, "seconds": 1})
    return context.pipeline.submit(job)


def attempt(context: Context, work: object) -> Job:
    """Run one attempt and return the job's record."""
    run_phase("ftjob-1", Phase.TRAIN, work, context=context)  # type: ignore[arg-type]
    return context.store.jobs.get("ftjob-1")


def test_by_default_the_recommended_remedies_are_taken_one_after_the_other(context: Context) -> None:
    submit(context)
    training = MemoryTraining(2)
    job = attempt(context, training)
    assert (training.batches, job.phase, job.attempts[Phase.TRAIN]) == ([8, 4, 2], Phase.CALIBRATE, 1)
    assert job.decisions[DecisionKind.OUT_OF_MEMORY].answer == "micro_batch_2"
    assert [text for text in event_messages(context, job.id) if "Taken as recommended: micro_batch_4" in text]


def test_each_lack_of_memory_is_asked_about_anew_and_the_next_attempt_has_every_answer(context: Context) -> None:
    submit(context, out_of_memory="ask")
    training = MemoryTraining(2)
    for remedy in ("micro_batch_4", "micro_batch_2"):
        job = attempt(context, training)
        assert (job.status, job.decisions[DecisionKind.OUT_OF_MEMORY].answer) == (Status.PAUSED, None)
        context.store.client.flushdb()
        restore_jobs(context)
        context.pipeline.answer("ftjob-1", DecisionKind.OUT_OF_MEMORY, remedy)
    job = attempt(context, training)
    assert (training.batches, job.phase) == ([8, 4, 2], Phase.CALIBRATE)
    assert (job.attempts[Phase.TRAIN], job.excused[Phase.TRAIN]) == (3, 2)


def test_a_worker_that_dies_after_the_decision_does_not_lose_it(context: Context) -> None:
    submit(context)

    def die(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
        training = resolve_training(request.training, 8)
        ask_about_memory(OutOfMemory("no memory"), training, 100, reporter)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(context, die)
    training = MemoryTraining(4)
    attempt(context, training)
    assert training.batches == [4]


def test_the_answer_to_stop_ends_the_job_with_its_code(context: Context) -> None:
    submit(context, out_of_memory="ask")
    attempt(context, MemoryTraining(2))
    context.pipeline.answer("ftjob-1", DecisionKind.OUT_OF_MEMORY, "stop")
    job = attempt(context, MemoryTraining(8))
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message.startswith("Training stopped by your decision.")) == (
        "out_of_memory", True,
    )  # fmt: skip


def test_a_full_disk_pauses_the_job_each_time_until_somebody_has_freed_some(context: Context) -> None:
    submit(context)

    def fill(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
        ask_about_disk(DiskFull("no space left to train"), folder, 0, reporter)
        return RESULT

    for _ in range(2):
        assert attempt(context, fill).status is Status.PAUSED
        context.pipeline.answer("ftjob-1", DecisionKind.DISK_FULL, "go_on")
    assert attempt(context, lambda *_: RESULT).phase is Phase.CALIBRATE


def fill(*_: object) -> TrainResult:
    """Find the disk full, as the operating system says it."""
    raise OSError(errno.ENOSPC, "No space left on device")


def run_full(context: Context, phase: Phase) -> Job:
    """Run an attempt that finds the disk full."""
    run_phase("ftjob-1", phase, fill, context=context)
    return context.store.jobs.get("ftjob-1")


@pytest.mark.parametrize("phase", list(Phase))
def test_a_full_disk_pauses_the_job_in_every_phase_and_costs_no_attempt(
    context: Context, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the fault matrix: an evaluation failed for good because the disk was full for six seconds."""
    submit(context)
    shutil.rmtree(context.volume.folder("ftjob-1", Phase.PREPARE))
    update_record(context.store, context.volume, "ftjob-1", lambda job: job.model_copy(update={"phase": phase}))
    for number in range(2):
        if number:  # the second time it is the request that cannot be made
            monkeypatch.setitem(REQUEST_MAKERS, phase, fill)
        else:
            monkeypatch.setitem(REQUEST_MAKERS, phase, lambda *_: TrainRequest.model_construct())
        job = run_full(context, phase)
        assert (job.status, job.phase, job.error) == (Status.PAUSED, phase, None)
        assert job.open_decision is not None
        assert (job.open_decision.kind, job.open_decision.recommended) == (DecisionKind.DISK_FULL, "go_on")
        job = context.pipeline.answer("ftjob-1", DecisionKind.DISK_FULL, "go_on")
        assert not job.status.final
    assert job.excused[phase] == job.attempts[phase] == 2
    run_full(context, phase)
    context.pipeline.answer("ftjob-1", DecisionKind.DISK_FULL, "stop")
    job = run_full(context, phase)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert (job.error.code, job.error.message) == (
        "disk_full", "Stopped by your decision. There is no space left on the volume.",
    )  # fmt: skip


def test_a_full_disk_ends_a_job_whose_recipe_asks_nobody(context: Context) -> None:
    submit(context, disk_full="auto")
    job = run_full(context, Phase.TRAIN)
    assert job.error is not None
    assert (job.status, job.error.code) == (Status.FAILED, "disk_full")


def test_a_cancel_while_the_disk_is_full_ends_the_job(context: Context) -> None:
    submit(context)

    def cancel_and_fill(*_: object) -> TrainResult:
        cancel_job(context.pipeline, "ftjob-1")
        return fill()

    run_phase("ftjob-1", Phase.TRAIN, cancel_and_fill, context=context)
    assert context.store.jobs.get("ftjob-1").status is Status.CANCELLED
