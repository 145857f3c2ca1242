"""What would grow for ever goes away by itself: queues, sets and tables in Redis and in processes, logs, caches."""

from __future__ import annotations

import dataclasses
import os
import re
import time
from datetime import timedelta
from pathlib import Path

import httpx
from standins import Sent
from test_reconcile import BASE, DEVICE, StandInStarter
from work import SOON, never, submit

from scriptorium.contracts import Phase, Status
from scriptorium.jobs.devices import announced_waits
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.jobs.sweep import sweep
from scriptorium.process.child import wait_until
from scriptorium.store.serving import WantedModel
from services.server.engine_set import EngineSet

DAY = 24 * 3600.0
SHORT = timedelta(milliseconds=50)


def test_those_that_stopped_asking_leave_the_devices_queue_with_the_next_grant(context: Context) -> None:
    leases, queue = context.store.leases, f"scriptorium:lease-queue:{DEVICE}"
    server = leases.acquire(DEVICE, "the server", SOON)
    assert server is not None
    for number in range(20):  # jobs that were cancelled while they waited
        assert leases.acquire(DEVICE, f"ftjob-{number}", SHORT, rank=number) is None
    assert leases.acquire(DEVICE, "ftjob-patient", SOON, rank=99.0) is None
    assert wait_until(lambda: [holder for holder, _ in leases.waiters(DEVICE)] == ["ftjob-patient"], SOON)
    leases.release(server)
    assert leases.acquire(DEVICE, "ftjob-next", SOON, rank=1.0) is not None
    assert context.store.client.zrange(queue, 0, -1) == ["ftjob-patient"]


def test_a_worker_remembers_the_waits_of_jobs_that_still_wait_and_of_no_other(context: Context) -> None:
    announced_waits.clear()
    changes = {"machine": "here", "device": "cpu", "device_patience": SHORT}
    worker = dataclasses.replace(context, settings=context.settings.model_copy(update=changes))
    assert context.store.leases.acquire(DEVICE, "the server", SOON) is not None
    for number in range(3):
        job = submit(context, f"ftjob-{number}")
        run_phase(job.id, Phase.PREPARE, never, context=worker, needs_gpu=True)
        assert announced_waits == {job.id}
        context.pipeline.cancel(job.id)


def test_the_failures_of_engines_that_nobody_wants_any_more_are_forgotten(context: Context) -> None:
    engines = EngineSet(context.settings, StandInStarter())  # type: ignore[arg-type]
    for number in range(5):
        model = WantedModel(name=f"ft:{number}", folder=f"/runs/{number}/merged")
        engines.match([BASE, model], (f"ftjob-{number}", number))
        assert {key[0] for key in engines._failures} == {BASE.folder, model.folder}


def test_methods_that_a_client_invents_make_no_series(http: httpx.Client) -> None:
    for number in range(3):
        assert http.request(f"INVENTED{number}", "/v1/models").status_code == 405
    assert set(re.findall(r'method="(\w+)"', http.get("/metrics").text)) == {"other"}


def write_old(path: Path, days: float) -> Path:
    """Write a file that looks as if nothing was written to its folder since."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    for entry in (path, path.parent):
        os.utime(entry, (time.time() - days * DAY,) * 2)
    return path


def test_the_sweeper_removes_logs_of_engines_and_what_was_compiled_long_ago(context: Context) -> None:
    logs, compiled = context.settings.logs, context.settings.cache / "vllm" / "torch_compile_cache"
    old = [write_old(logs / name, days=8) for name in ("vllm-ftjob-1.log", "vllm-ftjob-1.log.1")]
    old.append(write_old(compiled / "last-month" / "graph", days=31))
    new = [write_old(logs / "vllm-ftjob-2.log", days=6), write_old(logs / "api.log.1", days=8)]
    new.append(write_old(compiled / "last-week" / "graph", days=8))
    sweep(context)
    assert [path for path in old if path.exists()] == []
    assert [path for path in new if not path.exists()] == []


def test_what_is_deleted_leaves_no_key_but_the_memory_that_it_is_gone(context: Context, sent: Sent) -> None:
    job = submit(context, "ftjob-kept")
    before = set(context.store.client.keys("*"))
    for number in range(3):
        other = submit(context, f"ftjob-{number}")
        context.store.jobs.update(other.id, lambda record: record.model_copy(update={"status": Status.FAILED}))
        context.store.deletions.delete(other.id)
    assert set(context.store.client.keys("*")) - before <= {
        "scriptorium:jobs:deleted", "scriptorium:jobs:unarchived", "scriptorium:announcements",
    }  # fmt: skip
    context.store.deletions.forget(timedelta(0))
    assert context.store.deletions.ids() == []
    assert context.store.jobs.get(job.id) == job
