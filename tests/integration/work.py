"""Jobs for these tests, and functions that stand in for the work of a phase."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    Decision,
    DecisionKind,
    Hyperparameters,
    Job,
    Option,
    Phase,
    PrepareRequest,
    PrepareResult,
    Status,
)
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe
from scriptorium.store.leases import LeaseState, phase_lease
from tests.integration.standins import BASE

SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=10)
QUESTION = Decision(
    kind=DecisionKind.CHECKPOINT,
    question="Which checkpoint?",
    reason="Two are good.",
    options=[Option(name="first", meaning="the first"), Option(name="last", meaning="the last")],
    recommended="last",
)
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


def finish_with_model(context: Context, job_id: str, suffix: str, *, steps: Sequence[int] = (10, 20)) -> Job:
    """Return a job that has succeeded, with checkpoints and a merged model: the last one, at strength 0.75."""
    job = submit(context, job_id)
    training, merged = (context.volume.folder(job.id, phase) for phase in (Phase.TRAIN, Phase.MERGE))
    for step in steps:
        checkpoint = checkpoint_folder(training, step)
        write_adapter(checkpoint)
        manifest.write(checkpoint, {"step": step, "created_at": step})
    results: dict[Path, dict[str, object]] = {
        training: {
            "checkpoints": [], "first_loss": None, "last_loss": None, "steps": 20, "trained_tokens": 1, "seconds": 1,
        },
        merged: {
            "step": steps[-1], "strength": 0.75, "temperature": 0.9, "dev_loss": None, "merged_tensors": 1,
            "copied_tensors": 0, "bytes": 1, "seconds": 1.0,
        },
    }  # fmt: skip
    for folder, result in results.items():
        folder.mkdir(exist_ok=True)
        manifest.write(folder, {"result": result})
    changes = {"suffix": suffix, "status": Status.SUCCEEDED, "finished_at": 1_700_000_000}
    job = context.store.jobs.update(job.id, lambda record: record.model_copy(update=changes))
    return context.store.jobs.update(
        job.id, lambda record: record.model_copy(update={"fine_tuned_model": record.tuned_name})
    )


def write_adapter(folder: Path) -> None:
    """Write the files of an adapter with one matrix of zeros."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text('{"r": 8, "lora_alpha": 16, "peft_type": "LORA"}')
    save_file({"base_model.model.q.lora_A.weight": np.zeros((8, 4), np.float32)}, folder / "adapter_model.safetensors")


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
