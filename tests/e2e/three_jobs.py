"""What the journey does with a stack: send jobs, wait for what they say, kill and restart in the middle."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from scriptorium.artifacts import job_record, manifest
from scriptorium.identifiers import JOB_PREFIX, make_id
from scriptorium.local import stack
from scriptorium.local.demo_assets import BASE
from tests.e2e.conftest import RunningStack

STEPS = 9


def small_recipe(project: Path, steps: int = STEPS) -> dict[str, Any]:
    """Return the demo's recipe with a fifth of its steps, and a checkpoint every third."""
    import yaml

    recipe: dict[str, Any] = yaml.safe_load((project / "recipes" / "cpu.yaml").read_text())
    recipe["training"] |= {"max_steps": steps, "checkpoints": steps // 3, "dev_rows": 2, "sample_tokens": 12}
    return {**recipe, "name": "small"}


def create_job(running: RunningStack, text: bytes, suffix: str, recipe: dict[str, Any]) -> str:
    file = running.client.files.create(file=(f"{suffix}.txt", text), purpose="fine-tune")
    job = running.client.fine_tuning.jobs.create(
        model=BASE, training_file=file.id, suffix=suffix, extra_body={"recipe": recipe}
    )
    assert job.status in ("validating_files", "queued", "running")
    return job.id


def wait_for(description: str, condition: Callable[[], Any], seconds: float) -> Any:
    """Poll until the condition is true; fail with the description if it is not in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.3)
    return pytest.fail(f"{description}: not within {seconds:.0f} s")


def messages(running: RunningStack, job_id: str) -> list[str]:
    """Return every message of a job so far, oldest first."""
    events = running.client.fine_tuning.jobs.list_events(job_id, limit=100)
    return [event.message for event in events][::-1]


def has_message(running: RunningStack, job_id: str, part: str) -> Callable[[], bool]:
    return lambda: any(part in message for message in messages(running, job_id))


def has_status(running: RunningStack, job_id: str, *statuses: str) -> Callable[[], bool]:
    return lambda: running.client.fine_tuning.jobs.retrieve(job_id).status in statuses


@dataclass(frozen=True)
class ThreeJobs:
    """The ids of the three jobs, in the order of their submission."""

    first: str
    second: str
    cancelled: str


def cancel_in_the_queue(running: RunningStack, job_id: str) -> None:
    """Cancel a job that has its dataset and waits for the device."""
    dataset = running.settings.data_dir / "runs" / job_id / "dataset"
    wait_for("a dataset of the last job", lambda: manifest.is_complete(dataset), 240)
    running.client.fine_tuning.jobs.cancel(job_id)
    wait_for("the cancelling", has_status(running, job_id, "cancelled"), 15)


def kill_trainer_and_store_in_training(running: RunningStack, job_id: str) -> None:
    """Kill the trainer after a checkpoint, and Redis once the training has resumed."""
    wait_for("a first checkpoint", has_message(running, job_id, "Saved checkpoint-3"), 240)
    kill_with_children(running, "trainer", "axolotl")
    wait_for("the training's return", has_message(running, job_id, "resuming at step"), 240)
    os.kill(running.pid("redis"), signal.SIGKILL)
    wait_for("the store's return", lambda: running.http.get("/healthz").status_code == 200, 30)


def kill_server_in_evaluation(running: RunningStack, job_id: str) -> None:
    """Kill the server, and its engines with it, while a model writes passages."""
    wait_for("the first passages", has_message(running, job_id, "passages written"), 1500)
    kill_with_children(running, "server", "vllm.entrypoints")


def kill_with_children(running: RunningStack, service: str, word: str) -> None:
    """Kill a service with SIGKILL, and see its children with a word in their command line end with it."""
    children = running.processes(word)
    assert children
    os.kill(running.pid(service), signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not any(map(stack.is_alive, alive))


def restart_everything_in_training(running: RunningStack, job_id: str) -> None:
    """Shut the stack down while a job trains, and start it again."""
    wait_for("a second step", has_message(running, job_id, "Step 2/"), 900)
    assert running.processes("vllm.entrypoints") == []  # a training has the device to itself
    assert running.run("down").returncode == 0
    stack.up(running.settings, notify=print, attached=True)
    # the older job's engines may have the device first
    wait_for("the training's return", has_message(running, job_id, "resuming at step"), 900)


def answer_the_question(running: RunningStack, job_id: str) -> None:
    """Choose the earlier of the checkpoints that the job asks about."""
    wait_for("the question", has_status(running, job_id, "paused"), 240)
    answer = running.http.post(f"/v1/x/jobs/{job_id}/decisions/checkpoint", json={"answer": "checkpoint-3"})
    assert answer.status_code == 200, answer.text


def bring_from_a_backup(running: RunningStack, job_id: str) -> str:
    """Put a finished job's folder on the volume as another job's, restore its record, and return its id."""
    copy = make_id(JOB_PREFIX)
    runs = running.settings.data_dir / "runs"
    shutil.copytree(runs / job_id, runs / copy, copy_function=os.link)
    record = runs / copy / job_record.NAME
    text = record.read_text().replace(job_id.removeprefix(JOB_PREFIX), copy.removeprefix(JOB_PREFIX))
    body = json.loads(text) | {"result_files": []}  # those are the other job's
    record.unlink()  # it is a second link to the other job's
    record.write_text(json.dumps(body))
    restored = running.run("restore", "--json")
    assert json.loads(restored.stdout)["restored"] == [copy], restored.stderr
    return copy
