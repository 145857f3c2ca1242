"""The phase runner on a real Redis-compatible server: publish, advance, fail, stop."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from standins import Sent
from work import DONE, SOON, event_messages, lease_state, lose_lease, never, prepare, until_stopped

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    Job,
    Phase,
    PrepareRequest,
    PrepareResult,
    Status,
    TrainResult,
)
from scriptorium.errors import EnvironmentMissing, InvalidTrainingFile, Problem, StoreUnavailable
from scriptorium.jobs import runner as phases
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.devices import list_devices
from scriptorium.jobs.queue import CALIBRATE, MERGE, PREPARE, TRAIN
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.records import update_record
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.process.child import wait_until
from scriptorium.store.leases import phase_lease
from services.evaluator.calibrate import calibrate_voice


def test_a_phase_publishes_and_advances(context: Context, job: Job, sent: Sent) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    body = context.volume.published(job.id, Phase.PREPARE)
    assert body is not None
    assert body["attempt"] == 1
    assert set(body["files"]) == {"train.jsonl"}
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.status) == (Phase.TRAIN, Status.QUEUED)
    assert sent.messages == [(PREPARE, job.id), (TRAIN, job.id)]
    assert "[DATA] 1 example" in event_messages(context, job.id)
    assert context.store.leases.holder(phase_lease(job.id, Phase.PREPARE)) is None
    assert list(context.volume.run(job.id).glob("*.tmp")) == []


def test_a_trained_job_is_calibrated_while_another_has_the_device(context: Context, job: Job, sent: Sent) -> None:
    """A job that is in training when the stack is upgraded goes on the same way: the table says what is sent next."""
    trained = TrainResult(checkpoints=[], first_loss=None, last_loss=None, steps=1, trained_tokens=1, seconds=1)
    folder = context.volume.attempt(job.id, Phase.TRAIN, 1)
    context.volume.publish(job.id, Phase.TRAIN, folder, {"seconds": 1, "result": trained.model_dump(mode="json")})
    changes = {"phase": Phase.TRAIN, "attempts": {Phase.TRAIN: 1}}
    update_record(context.store, context.volume, job.id, lambda record: record.model_copy(update=changes))
    context.pipeline.advance(job.id, Phase.TRAIN, 1)
    for device in list_devices(context.settings):
        context.store.leases.acquire(device, "another job", SOON)
    run_phase(job.id, Phase.CALIBRATE, calibrate_voice, context=context)
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.status) == (Phase.MERGE, Status.RUNNING)
    assert sent.messages[-2:] == [(CALIBRATE, job.id), (MERGE, job.id)]
    assert context.volume.published(job.id, Phase.CALIBRATE)


def test_updates_of_the_record_are_stored(context: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context, record_updates=lambda *_: {"trained_tokens": 7})
    assert context.store.jobs.get(job.id).trained_tokens == 7


def test_a_second_delivery_does_nothing(context: Context, job: Job, sent: Sent) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert sent.messages == [(PREPARE, job.id), (TRAIN, job.id)]


def test_a_phase_that_was_published_before_its_worker_died_is_only_advanced(
    context: Context, job: Job, sent: Sent
) -> None:
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    body = {"seconds": 2.5, "result": DONE.model_dump(mode="json")}
    context.volume.publish(job.id, Phase.PREPARE, folder, body)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN
    assert context.store.jobs.progress(job.id)["phase_seconds/prepare"] == 2.5


def test_the_metrics_of_a_phase_are_set_and_restored_with_the_job(context: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    numbers = context.store.jobs.progress(job.id)
    assert (numbers["data_words"], numbers["data_findings"]) == (1, 0)
    assert 0 <= numbers["phase_seconds/prepare"] < 10
    context.store.client.flushdb()
    assert restore_jobs(context) == [job.id]
    assert context.store.jobs.progress(job.id) == numbers


def test_a_job_with_a_manifest_of_another_version_is_restored(context: Context, job: Job) -> None:
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    context.volume.publish(job.id, Phase.PREPARE, folder, {"seconds": 2.5, "result": {"pages": 7}})
    context.store.client.flushdb()
    assert restore_jobs(context) == [job.id]
    assert context.store.jobs.progress(job.id) == {}


def test_metrics_can_be_set_without_an_event(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        reporter.remember({"curve_loss/35": 2.5})
        reporter.remember({})
        return DONE

    before = event_messages(context, job.id)
    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.progress(job.id)["curve_loss/35"] == 2.5
    assert event_messages(context, job.id) == before


def test_the_time_of_a_phase_does_not_include_the_wait_for_the_gpu(context: Context, job: Job) -> None:
    (device,) = list_devices(context.settings)
    lease = context.store.leases.acquire(device, "somebody", SOON)
    assert lease is not None
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, prepare, context=context, needs_gpu=True)
        assert wait_until(lambda: context.store.leases.waiters(device), SOON)
        time.sleep(0.3)
        context.store.leases.release(lease)
        running.result(10)
    assert context.store.jobs.progress(job.id)["phase_seconds/prepare"] < 0.25
    assert 0.3 <= lease_state(context, device).waited < 5


def test_a_failure_ends_the_job_with_code_place_and_next_step(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        problems = [Problem("book.txt, line 3", "is not UTF-8"), Problem("book.txt", "has no chapters")]
        raise InvalidTrainingFile("The manuscript cannot be read.", problems=problems)

    run_phase(job.id, Phase.PREPARE, work, context=context)
    record = context.store.jobs.get(job.id)
    assert record.status is Status.FAILED
    assert record.finished_at is not None
    assert record.error is not None
    assert (record.error.code, record.error.param) == ("invalid_training_file", "book.txt, line 3")
    assert "has no chapters" in record.error.message
    assert record.error.next_step is not None
    assert any(line.startswith("[ERROR] [DATA]") for line in event_messages(context, job.id))
    assert context.store.jobs.active() == []


def test_an_unexpected_failure_is_an_internal_error_without_a_traceback(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        raise ZeroDivisionError("secret")

    run_phase(job.id, Phase.PREPARE, work, context=context)
    error = context.store.jobs.get(job.id).error
    assert error is not None
    assert error.code == "internal_error"
    assert "secret" not in error.message


def test_an_unavailable_store_does_not_fail_the_job(context: Context, job: Job, sent: Sent) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        raise redis.ConnectionError("connection refused")

    with pytest.raises(StoreUnavailable):
        run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.get(job.id).status is Status.VALIDATING
    assert reap(context, lambda task: 0) == [job.id]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_store_that_is_away_when_an_attempt_begins_costs_no_attempt(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[str] = []
    excuse = context.pipeline.excuse

    def be_away(*_: object) -> None:
        failures.append("away")
        raise redis.ConnectionError("connection refused")

    def be_away_once(job_id: str, phase: Phase) -> None:
        be_away() if len(failures) % 2 else excuse(job_id, phase)

    monkeypatch.setattr(phases, "STORE_RETRY_INTERVAL", 0.01)
    monkeypatch.setattr(context.pipeline, "excuse", be_away_once)
    for _ in range(context.settings.max_attempts + 1):
        with monkeypatch.context() as patch, pytest.raises(StoreUnavailable):
            patch.setattr(phases, "save_record", be_away)
            run_phase(job.id, Phase.PREPARE, never, context=context)
        assert reap(context, lambda task: 0) == [job.id]
    assert len(failures) == 2 * (context.settings.max_attempts + 1)
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


@pytest.mark.parametrize("end", ["result", "failure", "stop"])
def test_a_late_worker_of_a_deleted_job_just_stops(
    context: Context, job: Job, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        lose_lease(context, job, Phase.PREPARE)
        context.pipeline.cancel(job.id)
        delete_job(context, job.id)
        if end == "stop":
            until_stopped(threading.Event())(request, folder, reporter)
        if end == "failure":
            raise EnvironmentMissing("too late")
        return DONE

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"] == []
    assert context.store.jobs.get_many([job.id]) == []


def test_a_request_that_cannot_be_made_fails_the_job(context: Context, job: Job) -> None:
    FileStore(context.volume.files).delete(job.training_file)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    error = context.store.jobs.get(job.id).error
    assert error is not None
    assert error.code == "file_not_found"


def test_a_cancelled_job_stops_within_heartbeats(context: Context, job: Job) -> None:
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=context)
        assert begun.wait(10)
        context.store.jobs.update(job.id, lambda job: job.model_copy(update={"cancel_requested": True}))
        running.result(10)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED
    assert event_messages(context, job.id)[-1] == "The job was cancelled."
    assert context.volume.published(job.id, Phase.PREPARE) is None


def test_a_job_cancelled_between_claim_and_beginning_stays_cancelled(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claimed_then_cancelled(context: Context, job_id: str, phase: Phase) -> object:
        lease = claim(context, job_id, phase)
        context.pipeline.cancel(job_id)
        return lease

    monkeypatch.setattr(phases, "claim", claimed_then_cancelled)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED


def test_a_job_that_has_ended_is_not_cancelled_again(context: Context, job: Job) -> None:
    context.pipeline.cancel(job.id)
    ended = context.pipeline.cancel(job.id)
    assert ended.status is Status.CANCELLED
    assert event_messages(context, job.id).count("The job was cancelled.") == 1


def test_a_shutdown_leaves_the_job_for_the_reaper_and_costs_no_attempt(context: Context, job: Job, sent: Sent) -> None:
    for _ in range(context.settings.max_attempts + 1):
        begun = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=context)
            assert begun.wait(10)
            phases.shutdown.set()
            running.result(10)
        phases.shutdown.clear()
        assert not context.store.jobs.get(job.id).status.final
        assert reap(context, sent.waiting) == [job.id]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_stale_attempt_does_not_publish(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        lose_lease(context, job, Phase.PREPARE)
        assert claim(context, job.id, Phase.PREPARE) is not None
        return DONE

    slow = Context(
        context.settings.model_copy(update={"heartbeat": SOON}), context.store, context.volume, context.pipeline
    )
    run_phase(job.id, Phase.PREPARE, work, context=slow)
    assert context.volume.published(job.id, Phase.PREPARE) is None
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.attempts[Phase.PREPARE], record.error) == (Phase.PREPARE, 2, None)


def test_a_failure_of_a_stale_attempt_is_not_the_jobs(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        lose_lease(context, job, Phase.PREPARE)
        assert claim(context, job.id, Phase.PREPARE) is not None
        raise EnvironmentMissing("too late")

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.get(job.id).error is None
