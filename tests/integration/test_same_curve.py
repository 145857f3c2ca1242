"""The real Axolotl, killed with its worker and paused: every step after it is what it would have been.

The worker is a process of its own. It is killed with SIGKILL some steps after a checkpoint; the next one does these
steps again, is paused among them, and the last one ends the training. So the first worker's steps, which nothing has
disturbed, stand beside steps after a kill and steps after a pause.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, PYTHON

from scriptorium.artifacts.checkpoints import complete_checkpoints
from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from scriptorium.contracts import Hyperparameters, Job, Phase, PrepareResult, Status
from scriptorium.jobs.runner import Context
from scriptorium.jobs.steering import pause_job, resume_job
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.process.child import wait_until
from scriptorium.recipe import Recipe, Training
from scriptorium.store.leases import phase_lease

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

STEPS, CHECKPOINT, KILLED_AFTER, PAUSED_AFTER = 16, 8, 13, 9
TRAINING = Training(
    adapter="lora", lora_r=8, lora_alpha=16, lora_dropout=0.1, max_steps=STEPS, gradient_accumulation_steps=2,
    learning_rate=1e-3, sequence_len=256, gradient_checkpointing=False, checkpoints=2, keep=0,
)  # fmt: skip
EXACT = ("learning_rate", "epoch", "tokens/trainable")  # the last tells the rows apart, whose lengths all differ
NUMBERS = ("loss", "grad_norm", *EXACT)
LOSS_NOISE, NORM_NOISE = 0.03, 0.2  # no two runs compute a backward pass alike: see docs/experiments.md
PATIENCE = timedelta(minutes=3)

Curve = dict[int, dict[str, float]]


@pytest.fixture
def trained_job(context: Context) -> Job:
    """Return a job that waits for its training: nine rows, so that the last update of an epoch has only one."""
    words = demo_assets().book.read_text("utf-8").split()
    dataset = context.volume.attempt("ftjob-1", Phase.PREPARE, 1)
    passages = [" ".join(words[40 * number : 40 * number + 24 + number]) for number in range(9)]
    conversations = [
        [{"role": "user", "content": "Write."}, {"role": "assistant", "content": text}] for text in passages
    ]
    rows = [Row.model_validate({"messages": messages, "chapter": "I"}) for messages in conversations]
    write_rows(dataset / "train.jsonl", rows)
    write_rows(dataset / "dev.jsonl", [])
    result = PrepareResult(words=1, chapters=1, splits={}).model_dump(mode="json")
    context.volume.publish("ftjob-1", Phase.PREPARE, dataset, {"seconds": 1.0, "result": result})
    job = Job(
        id="ftjob-1", created_at=int(time.time()), model=BASE, training_file="file-1", status=Status.QUEUED,
        phase=Phase.TRAIN, recipe=Recipe(name="r", training=TRAINING), hyperparameters=Hyperparameters(),
    )  # fmt: skip
    return context.pipeline.submit(job)


@pytest.fixture
def one_thread(tmp_path: Path) -> Path:
    """Return an environment whose Axolotl computes in one thread: the sums of several differ from run to run."""
    program = tmp_path / "one-thread" / "bin" / "axolotl"
    program.parent.mkdir(parents=True)
    axolotl = PYTHON.with_name("axolotl")
    program.write_text(f'#!/bin/sh\nOMP_NUM_THREADS=1 exec {axolotl} "$@"\n')
    program.chmod(0o755)
    return program.parents[1]


@contextmanager
def worker(context: Context, environment: Path, job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker of its own for one attempt, and leave none behind."""
    variables = {
        "SCRIPTORIUM_DATA_DIR": str(context.settings.data_dir),
        "SCRIPTORIUM_MODELS_DIR": str(demo_assets().models),
        "SCRIPTORIUM_REDIS_URL": context.settings.store_url,
        "SCRIPTORIUM_DEVICE": "cpu",
        "SCRIPTORIUM_AXOLOTL_ENV": str(environment),
        "SCRIPTORIUM_HEARTBEAT": "PT0.1S",
        "SCRIPTORIUM_LEASE_TTL": "PT3S",  # a killed worker is missed soon
    }
    script = Path(__file__).with_name("train_worker.py")
    with subprocess.Popen([sys.executable, script, job.id], env=os.environ | variables) as process:
        try:
            yield process
        finally:
            process.kill()


def log_of(context: Context, job: Job, attempt: int) -> Path:
    return context.volume.run(job.id) / f"train.{attempt}.tmp" / TRAINING_LOG


def read_curve(log: Path) -> Curve:
    """Return the numbers of every step in a training log."""
    return {line["step"]: {name: line[name] for name in NUMBERS} for line in read_training_log(log) if "loss" in line}


def has_step(log: Path, step: int) -> Callable[[], bool]:
    return lambda: max(read_curve(log), default=0) >= step


def test_a_killed_and_a_paused_training_go_on_exactly(context: Context, trained_job: Job, one_thread: Path) -> None:
    job = trained_job
    with worker(context, one_thread, job) as killed:
        assert wait_until(has_step(log_of(context, job, 1), KILLED_AFTER), PATIENCE)
        os.kill(killed.pid, signal.SIGKILL)
    undisturbed = read_curve(log_of(context, job, 1))
    assert [checkpoint.step for checkpoint in complete_checkpoints(log_of(context, job, 1).parent)] == [CHECKPOINT]
    leases = [phase_lease(job.id, Phase.TRAIN), *context.store.leases.devices()]
    assert wait_until(lambda: not any(context.store.leases.holders(leases).values()), PATIENCE)

    with worker(context, one_thread, job) as paused:
        assert wait_until(has_step(log_of(context, job, 2), PAUSED_AFTER), PATIENCE)
        assert pause_job(context.pipeline, job.id).pausing
        paused.wait(PATIENCE.total_seconds())
    record = context.store.jobs.get(job.id)
    assert (record.status, record.excused) == (Status.PAUSED, {Phase.TRAIN: 1})
    step = complete_checkpoints(log_of(context, job, 2).parent)[-1].step
    (message,) = [event.message for event in context.store.events.page(job.id, 10) if "Paused" in event.message]
    assert f"at step {step}, saved as checkpoint-{step}" in message
    assert max(read_curve(log_of(context, job, 2))) == step
    assert set(context.store.leases.holders(leases).values()) == {None}  # another job may have the device

    resume_job(context.pipeline, job.id)
    with worker(context, one_thread, job) as last:
        last.wait(PATIENCE.total_seconds())
    assert context.store.jobs.get(job.id).phase is Phase.CALIBRATE
    curve = read_curve(context.volume.folder(job.id, Phase.TRAIN) / TRAINING_LOG)
    assert list(curve) == list(range(1, STEPS + 1))
    assert PAUSED_AFTER <= step < max(undisturbed)  # there are steps after the kill, and others after the pause
    for number, numbers in undisturbed.items():
        assert [curve[number][name] for name in EXACT] == [numbers[name] for name in EXACT], number
        assert curve[number]["loss"] == pytest.approx(numbers["loss"], abs=LOSS_NOISE), number
        assert curve[number]["grad_norm"] == pytest.approx(numbers["grad_norm"], rel=NORM_NOISE), number
    assert curve[CHECKPOINT + 1]["loss"] == undisturbed[CHECKPOINT + 1]["loss"]  # weights, rows and dropout alike
