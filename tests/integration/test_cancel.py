"""A cancel that was answered with 200 ends its job, at whatever moment it came."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_decisions import QUESTION, asking, submit
from work import DONE, SOON, event_messages, never, prepare

from scriptorium.contracts import DecisionKind, Job, JobError, Phase, PrepareRequest, PrepareResult, Status
from scriptorium.errors import Cancelled, EnvironmentMissing
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.jobs.steering import cancel_job


@pytest.fixture
def slow(context: Context) -> Context:
    """Return a context whose heartbeat comes too late to notice a cancel."""
    settings = context.settings.model_copy(update={"heartbeat": SOON})
    return Context(settings, context.store, context.volume, context.pipeline)


def check_cancelled(context: Context, job_id: str) -> Job:
    """Check that a job was cancelled, once, and return its record."""
    job = context.store.jobs.get(job_id)
    assert job.status is Status.CANCELLED
    assert job.finished_at is not None
    assert event_messages(context, job_id).count("The job was cancelled.") == 1
    assert context.store.jobs.active() == []
    return job


@pytest.mark.parametrize("policy", ["ask", "auto"])
def test_just_before_a_question(slow: Context, policy: str) -> None:
    submit(slow, data_quality=policy)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        assert cancel_job(slow.pipeline, "ftjob-1").status is Status.VALIDATING  # its worker is to stop
        reporter.ask(QUESTION)
        raise AssertionError("the question was answered")

    run_phase("ftjob-1", Phase.PREPARE, work, context=slow)
    assert check_cancelled(slow, "ftjob-1").decisions == {}


def test_between_a_question_and_the_release_of_its_lease(slow: Context) -> None:
    submit(slow)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        try:
            return asking([])(request, folder, reporter)  # type: ignore[operator, no-any-return]
        finally:
            assert slow.store.jobs.get("ftjob-1").status is Status.PAUSED
            assert cancel_job(slow.pipeline, "ftjob-1").status is Status.CANCELLED

    run_phase("ftjob-1", Phase.PREPARE, work, context=slow)
    check_cancelled(slow, "ftjob-1")


def test_between_an_answer_and_the_release_of_the_lease_of_its_question(slow: Context) -> None:
    submit(slow)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        try:
            return asking([])(request, folder, reporter)  # type: ignore[operator, no-any-return]
        finally:
            slow.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")
            cancel_job(slow.pipeline, "ftjob-1")

    run_phase("ftjob-1", Phase.PREPARE, work, context=slow)
    run_phase("ftjob-1", Phase.PREPARE, never, context=slow)  # the answer's message
    check_cancelled(slow, "ftjob-1")


def test_between_publishing_and_advancing(slow: Context, job: Job, sent: object) -> None:
    def cancel_now(*_: object) -> dict[str, object]:
        cancel_job(slow.pipeline, job.id)
        return {}

    run_phase(job.id, Phase.PREPARE, prepare, context=slow, record_updates=cancel_now)
    assert check_cancelled(slow, job.id).phase is Phase.PREPARE
    assert sent.messages == [(PREPARE, job.id)]  # type: ignore[attr-defined]


def test_just_before_a_failure(slow: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        cancel_job(slow.pipeline, job.id)
        raise EnvironmentMissing("its child process is gone")

    run_phase(job.id, Phase.PREPARE, work, context=slow)
    assert check_cancelled(slow, job.id).error is None


def test_between_the_claim_and_the_beginning(slow: Context, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def claim_then_cancel(context: Context, job_id: str, phase: Phase) -> object:
        lease = claim(context, job_id, phase)
        cancel_job(context.pipeline, job_id)
        return lease

    monkeypatch.setattr("scriptorium.jobs.runner.claim", claim_then_cancel)
    run_phase(job.id, Phase.PREPARE, never, context=slow)
    check_cancelled(slow, job.id)
    assert not list(slow.volume.run(job.id).glob("*.tmp"))


def test_while_the_reaper_gives_up(slow: Context, job: Job) -> None:
    lease = claim(slow, job.id, Phase.PREPARE)
    assert lease is not None
    cancel_job(slow.pipeline, job.id)
    with pytest.raises(Cancelled):
        slow.pipeline.fail(job.id, Phase.PREPARE, lease.token, JobError(code="x", message="x"))
    slow.store.leases.release(lease)
    assert reap(slow, lambda task: 1) == []
    check_cancelled(slow, job.id)


def test_of_a_paused_job_whose_cancel_was_lost_by_an_earlier_version(context: Context, job: Job) -> None:
    lost = {"cancel_requested": True, "status": Status.PAUSED}
    context.store.jobs.update(job.id, lambda record: record.model_copy(update=lost))
    assert reap(context, lambda task: 1) == []
    check_cancelled(context, job.id)


def test_work_that_is_not_cancelled_is_done(slow: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, lambda *_: DONE, context=slow)
    assert slow.store.jobs.get(job.id).phase is Phase.TRAIN
