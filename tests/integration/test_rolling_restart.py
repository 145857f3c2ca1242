"""A worker is replaced by another while messages wait and one is worked on: nothing is lost, nothing is done twice."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from kombu import Connection
from standins import Sent
from work import submit

from scriptorium.contracts import Phase
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.runner import Context
from scriptorium.local.services import service_environment
from scriptorium.process.child import wait_until
from tests.released.make_volume import FOLDER, MESSAGE_JOB

PATIENCE = timedelta(seconds=90)
DATA_QUEUE = queue.QUEUES[queue.PREPARE]
MESSAGES = sorted(FOLDER.glob("messages-*.json"))
WORKER = """
import sys, time
from pathlib import Path
from scriptorium.jobs import queue, runner
from services.data import tasks
from tests.soak.played_phases import prepare_manuscript

def prepare(request, folder, reporter):
    Path(sys.argv[1], "begun").touch()
    while not Path(sys.argv[1], "go").exists():
        reporter.check()
        time.sleep(0.02)
    return prepare_manuscript(request, folder, reporter)

tasks.prepare_manuscript = prepare
queue.run_worker("data", tasks.app, on_shutdown=runner.shutdown.set)
"""


@contextmanager
def data_worker(context: Context, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the real worker of the queue "data"; preparing waits until `go` is in the folder."""
    line = [sys.executable, "-c", WORKER, str(folder)]
    environment = {**service_environment(context.settings), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            yield worker
        finally:
            worker.kill()


def send(context: Context, task: str, job_id: str) -> None:
    """Send a message as `queue.send` does, through the broker of this test."""
    with Connection(context.settings.broker_url) as connection:
        queue.app().send_task(task, args=[job_id], queue=queue.QUEUES[task], connection=connection)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_messages_and_a_running_phase_survive_the_replacement_of_their_worker(
    context: Context, tmp_path: Path, path: Path
) -> None:
    """The last message in the queue is one that a released version wrote."""
    pipeline = Pipeline(context.store, context.volume, send=partial(send, context))
    context = dataclasses.replace(context, pipeline=pipeline)
    jobs, waiting = ["ftjob-1", "ftjob-2"], context.store.client
    for job_id in jobs:
        submit(context, job_id)
    earlier = submit(
        dataclasses.replace(context, pipeline=Pipeline(context.store, context.volume, Sent())), MESSAGE_JOB
    )
    waiting.lpush(DATA_QUEUE, json.dumps(json.loads(path.read_text())[queue.PREPARE]))

    def attempts() -> dict[str, int]:
        return {job.id: job.attempts.get(Phase.PREPARE, 0) for job in context.store.jobs.iterate()}

    with data_worker(context, tmp_path) as first:
        assert wait_until((tmp_path / "begun").exists, PATIENCE)
        assert attempts() == {"ftjob-1": 1, "ftjob-2": 0, MESSAGE_JOB: 0}
        assert waiting.llen(DATA_QUEUE) == 2
        first.send_signal(signal.SIGTERM)
        first.wait(PATIENCE.total_seconds())
    assert attempts() == {"ftjob-1": 1, "ftjob-2": 0, MESSAGE_JOB: 0}
    assert waiting.llen(DATA_QUEUE) == 2
    (tmp_path / "go").touch()
    with data_worker(context, tmp_path):
        reap(context, lambda task: int(waiting.llen(queue.QUEUES[task])))  # type: ignore[arg-type]
        assert wait_until(lambda: all(job.phase is Phase.TRAIN for job in context.store.jobs.iterate()), PATIENCE)
        assert wait_until(lambda: not list(context.volume.runs.glob("*/*.tmp")), PATIENCE)
    assert attempts() == {"ftjob-1": 2, "ftjob-2": 1, MESSAGE_JOB: 1}
    assert context.store.jobs.get("ftjob-1").excused == {Phase.PREPARE: 1}, "a restart costs a job nothing"
    assert context.volume.saved_job(earlier.id) == context.store.jobs.get(earlier.id)


def test_every_task_of_a_released_version_still_has_its_name_and_its_queue() -> None:
    assert [path.name for path in MESSAGES][:1] == ["messages-0.1.0.json"]
    for path in MESSAGES:
        messages = json.loads(path.read_text())
        assert {task: message["headers"]["task"] for task, message in messages.items()} == {
            task: task for task in messages
        }
        queues = {task: message["properties"]["delivery_info"]["routing_key"] for task, message in messages.items()}
        assert queues.items() <= queue.QUEUES.items()
