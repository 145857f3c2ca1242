"""The volume's record follows the store's: after every change, in order, and again if a write failed or was killed."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standins import Sent
from work import DONE, lose_lease, prepare, submit, until_stopped

from scriptorium.artifacts.volume import Volume, disk_errors
from scriptorium.contracts import DecisionKind, Job, Phase, PrepareRequest, PrepareResult, Status
from scriptorium.errors import Interrupted
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.records import save_unsaved_records, update_record
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.store import open_store
from services.api.application import create_app, reap_once

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from scriptorium.artifacts.volume import Volume
from scriptorium.jobs.records import update_record
from scriptorium.store import open_store

class KilledVolume(Volume):
    def save_job(self, job):
        os.kill(os.getpid(), signal.SIGKILL)

cancel = lambda job: job.model_copy(update={"cancel_requested": True})
update_record(open_store(sys.argv[1]), KilledVolume(Path(sys.argv[2])), sys.argv[3], cancel)
"""


class FullVolume(Volume):
    """A volume whose records cannot be written while `full` is set."""

    full = True

    def save_job(self, job: Job) -> Job:
        with disk_errors():
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
        return super().save_job(job)


def records(context: Context, job: Job) -> tuple[Job, Job | None]:
    """Return the store's record and the volume's."""
    return context.store.jobs.get(job.id), context.volume.saved_job(job.id)


def assert_records_agree(context: Context, job: Job) -> Job:
    stored, saved = records(context, job)
    assert stored == saved
    assert context.store.jobs.unsaved() == []
    return stored


def mark(name: str) -> object:
    return lambda job: job.model_copy(update={"metadata": {**job.metadata, name: "x"}})


def test_every_change_is_one_version_and_no_change_is_none(context: Context, job: Job) -> None:
    version = context.store.jobs.get(job.id).version
    context.store.jobs.update(job.id, mark("a"))  # type: ignore[arg-type]
    assert context.store.jobs.get(job.id).version == version + 1
    context.store.jobs.update(job.id, lambda record: record)
    assert context.store.jobs.get(job.id).version == version + 1
    assert claim(context, job.id, Phase.PREPARE) is not None
    assert context.store.jobs.get(job.id).version == version + 2


def test_the_version_is_not_told_by_the_api(context: Context, job: Job) -> None:
    body = TestClient(create_app(context, reaping=False)).get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert "version" not in body
    assert "version" not in body["scriptorium"]


def test_the_records_agree_after_every_step_of_a_job(context: Context, job: Job) -> None:
    assert_records_agree(context, job)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        assert assert_records_agree(context, job).attempts == {Phase.PREPARE: 1}
        reporter.metrics("halfway", eta_seconds=60)
        assert assert_records_agree(context, job).estimated_finish is not None
        return DONE

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert assert_records_agree(context, job).phase is Phase.TRAIN
    context.pipeline.cancel(job.id)
    assert assert_records_agree(context, job).status is Status.CANCELLED


def test_the_records_agree_after_a_shutdown(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        raise Interrupted("the worker is shutting down")

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert assert_records_agree(context, job).excused == {Phase.PREPARE: 1}


def test_a_cancel_is_on_the_volume_before_it_is_acknowledged(context: Context, job: Job) -> None:
    begun = threading.Event()
    client = TestClient(create_app(context, reaping=False))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=context)
        assert begun.wait(10)
        assert client.post(f"/v1/fine_tuning/jobs/{job.id}/cancel").status_code == 200
        saved = context.volume.saved_job(job.id)
        assert saved is not None
        assert saved.cancel_requested
        running.result(10)
    assert assert_records_agree(context, job).status is Status.CANCELLED


def test_a_late_writer_does_not_bring_an_older_record_back(context: Context, job: Job) -> None:
    late = context.store.jobs.update(job.id, mark("late"))  # type: ignore[arg-type]
    context.pipeline.cancel(job.id)
    context.volume.save_job(late)
    assert assert_records_agree(context, job).status is Status.CANCELLED


@given(st.lists(st.sampled_from(["one", "other"]), min_size=2, max_size=12))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_writers_at_once_leave_equal_records(context: Context, order: list[str]) -> None:
    context.store.client.flushdb()
    job = submit(context, f"ftjob-{len(list(context.volume.runs.glob('*')))}")

    def write(writer: str) -> None:
        store = open_store(context.settings.store_url)
        for number in range(order.count(writer)):
            update_record(store, Volume(context.volume.root), job.id, mark(f"{writer}{number}"))  # type: ignore[arg-type]
        store.client.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ["one", "other"]))
    assert len(assert_records_agree(context, job).metadata) == len(order)


def test_a_writer_killed_between_store_and_volume_is_made_up_for(context: Context, job: Job) -> None:
    arguments = [context.settings.store_url, str(context.volume.root), job.id]
    code = subprocess.run([sys.executable, "-c", KILLED_WRITER, *arguments], check=False).returncode
    assert code == -signal.SIGKILL
    stored, saved = records(context, job)
    assert saved is not None
    assert (stored.cancel_requested, saved.cancel_requested) == (True, False)
    assert stored.version == saved.version + 1
    assert save_unsaved_records(context.store, context.volume) == [job.id]
    assert_records_agree(context, job)


def test_a_full_volume_does_not_undo_a_change_and_the_reaper_repeats_the_write(
    context: Context, job: Job, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    volume = FullVolume(context.volume.root, context.volume.models)
    full = Context(context.settings, context.store, volume, Pipeline(context.store, volume, send=sent))
    assert full.pipeline.cancel(job.id).status is Status.CANCELLED
    assert context.store.events.page(job.id, 1)[0].message == "The job was cancelled."
    saved = context.volume.saved_job(job.id)
    assert saved is not None
    assert not saved.status.final
    assert f"{job.id}/job.json" in caplog.text
    reap_once(full, sent.waiting)
    assert [unsaved.id for unsaved in context.store.jobs.unsaved()] == [job.id]
    volume.full = False
    reap_once(full, sent.waiting)
    assert_records_agree(context, job)


def test_an_attempt_whose_number_cannot_be_saved_does_not_begin(context: Context, job: Job, sent: Sent) -> None:
    volume = FullVolume(context.volume.root, context.volume.models)
    full = Context(context.settings, context.store, volume, Pipeline(context.store, volume, send=sent))
    run_phase(job.id, Phase.PREPARE, prepare, context=full)  # else a restored job would give out the number again
    question = context.store.jobs.get(job.id).open_decision
    assert question is not None
    assert question.kind is DecisionKind.DISK_FULL
    assert list(context.volume.run(job.id).glob("*.tmp")) == []


def test_the_reaper_writes_records_whoever_changed_them(context: Context, job: Job, sent: Sent) -> None:
    context.store.jobs.update(job.id, mark("a"))  # type: ignore[arg-type]
    assert claim(context, job.id, Phase.PREPARE) is not None
    reap_once(context, sent.waiting)
    assert assert_records_agree(context, job).attempts == {Phase.PREPARE: 1}
    lose_lease(context, job, Phase.PREPARE)


def test_a_record_that_was_removed_is_not_repeated(context: Context, job: Job) -> None:
    context.store.jobs.update(job.id, mark("a"))  # type: ignore[arg-type]
    context.store.client.delete(f"scriptorium:job:{job.id}")
    assert save_unsaved_records(context.store, context.volume) == []
    assert context.store.jobs.unsaved() == []


@pytest.mark.parametrize("lost", [1, 2])
def test_a_store_that_lost_its_last_writes_takes_them_from_the_volume(
    context: Context, job: Job, lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    older = context.store.client.get(f"scriptorium:job:{job.id}")
    for name in ("a", "b")[: lost - 1]:
        update_record(context.store, context.volume, job.id, mark(name))  # type: ignore[arg-type]
    context.pipeline.cancel(job.id)
    context.store.client.set(f"scriptorium:job:{job.id}", str(older))  # as after a restart from an older file
    context.store.client.sadd("scriptorium:jobs:active", job.id)
    changed = update_record(context.store, context.volume, job.id, mark("c"))  # type: ignore[arg-type]
    assert changed == assert_records_agree(context, job)
    assert (changed.status, "c" in changed.metadata) == (Status.CANCELLED, True)
    assert context.store.jobs.active() == []
    assert "lost" in caplog.text


def test_a_new_job_whose_process_died_before_the_volume_had_it_is_saved(context: Context, job: Job, sent: Sent) -> None:
    added = job.model_copy(update={"id": "ftjob-2", "version": 0})
    context.store.jobs.add(added)
    assert context.volume.saved_job(added.id) is None
    reap_once(context, sent.waiting)
    assert_records_agree(context, added)
