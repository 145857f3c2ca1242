"""A pause that was answered with 200 stops its job, at whatever moment it came; a resume lets it go on as it was."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import openai
import pytest
from standins import Sent
from test_decisions import QUESTION, ask, asking
from test_decisions import submit as submit_asking
from work import DONE, SOON, event_messages, lose_lease, never, prepare, submit, until_stopped

from scriptorium.contracts import DecisionKind, Job, Phase, PrepareRequest, PrepareResult
from scriptorium.contracts import Status as Is
from scriptorium.errors import Conflict, EnvironmentMissing, Paused
from scriptorium.jobs import runner
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.devices import list_devices
from scriptorium.jobs.queue import PREPARE, TRAIN
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.jobs.steering import cancel_job, pause_job, resume_job, settle_pause
from scriptorium.process.child import wait_until
from scriptorium.store.leases import phase_lease

RESUME_HINT = "Resume it with: scriptorium resume ftjob-1"


@pytest.fixture
def slow(context: Context) -> Context:
    """Return a context whose heartbeat comes too late to notice a pause."""
    return dataclasses.replace(context, settings=context.settings.model_copy(update={"heartbeat": SOON}))


def check_paused(context: Context, phase: Phase = Phase.PREPARE) -> Job:
    """Check that the job is paused once, that nobody holds or sends it, and return its record."""
    job = context.store.jobs.get("ftjob-1")
    assert (job.status, job.phase, job.pause_requested, job.open_decision) == (Is.PAUSED, phase, True, None)
    assert context.store.leases.holder(phase_lease(job.id, phase)) is None
    assert len([message for message in event_messages(context, job.id) if RESUME_HINT in message]) == 1
    assert job.id not in reap(context, lambda task: 0)
    assert claim(context, job.id, phase) is None
    assert context.volume.saved_job(job.id) == job
    return job


def run_and_pause(context: Context, job: Job, **options: bool) -> None:
    """Run a phase whose work begins, pause the job, and wait until its worker has let go."""
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=context, **options)
        assert begun.wait(10)
        pause_job(context.pipeline, job.id)
        running.result(10)


def test_the_openai_client_pauses_and_resumes_a_waiting_job(
    context: Context, client: openai.OpenAI, job: Job, sent: Sent
) -> None:
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    assert client.fine_tuning.jobs.pause(job.id).status == "paused"
    run_phase(job.id, Phase.PREPARE, never, context=context)  # its message
    assert check_paused(context).attempts == {}
    assert client.fine_tuning.jobs.resume(job.id).status == "queued"
    assert client.fine_tuning.jobs.resume(job.id).status == "queued"
    assert sent.messages == [(PREPARE, job.id)] * 2
    assert event_messages(context, job.id).count("The job was resumed.") == 1
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.attempts, record.excused) == (Phase.TRAIN, {Phase.PREPARE: 1}, {})


def test_a_running_phase_stops_and_costs_no_attempt_however_often(context: Context, job: Job) -> None:
    for _ in range(context.settings.max_attempts + 1):
        run_and_pause(context, job)
        record = context.store.jobs.get(job.id)
        assert (record.status, record.pause_requested) == (Is.PAUSED, True)
        assert record.attempts == record.excused
        assert reap(context, lambda task: 0) == []
        assert resume_job(context.pipeline, job.id).status is Is.QUEUED
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN
    assert "[DATA] Paused in prepare. " + RESUME_HINT in event_messages(context, job.id)


def test_until_its_worker_has_stopped_a_job_says_that_it_is_to_pause(
    context: Context, job: Job, http: httpx.Client
) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    body = http.post(f"/v1/fine_tuning/jobs/{job.id}/pause").json()
    assert (body["status"], body["scriptorium"]["pause_requested"]) == ("validating_files", True)
    context.store.leases.release(lease)
    assert settle_pause(context.pipeline, job.id).status is Is.PAUSED
    body = http.get(f"/v1/fine_tuning/jobs/{job.id}").json()
    assert (body["status"], body["scriptorium"]["decision"]) == ("paused", None)


def test_a_job_that_has_ended_is_neither_paused_nor_resumed(context: Context, job: Job, http: httpx.Client) -> None:
    context.pipeline.cancel(job.id)
    for action in ("pause", "resume"):
        answer = http.post(f"/v1/fine_tuning/jobs/{job.id}/{action}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
        assert http.post(f"/v1/fine_tuning/jobs/ftjob-none/{action}").status_code == 404
    assert context.store.jobs.get(job.id).status is Is.CANCELLED


def test_a_resume_of_a_job_that_waits_for_an_answer_is_a_conflict(context: Context, http: httpx.Client) -> None:
    submit_asking(context)
    ask(context)
    answer = http.post("/v1/fine_tuning/jobs/ftjob-1/resume")
    assert (answer.status_code, answer.json()["error"]["next_step"]) == (
        409, "Answer it: `scriptorium decide ftjob-1`.",
    )  # fmt: skip
    assert http.get("/v1/fine_tuning/jobs/ftjob-1").json()["scriptorium"]["decision"] == "data_quality"


def test_a_pause_during_a_question_outlasts_the_answer(context: Context, sent: Sent) -> None:
    submit_asking(context)
    ask(context)
    job = pause_job(context.pipeline, "ftjob-1")
    assert job.open_decision is not None
    with pytest.raises(Conflict):
        resume_job(context.pipeline, "ftjob-1")
    assert context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on").status is Is.PAUSED
    assert sent.messages == [(PREPARE, "ftjob-1")]
    check_paused(context)
    resume_job(context.pipeline, "ftjob-1")
    answers: list[str] = []
    ask(context, answers)
    assert (answers, context.store.jobs.get("ftjob-1").phase) == (["go_on"], Phase.TRAIN)


def test_just_before_a_question(slow: Context) -> None:
    submit_asking(slow)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        pause_job(slow.pipeline, "ftjob-1")
        return asking([])(request, folder, reporter)  # type: ignore[operator, no-any-return]

    run_phase("ftjob-1", Phase.PREPARE, work, context=slow)
    assert slow.store.jobs.get("ftjob-1").open_decision == QUESTION
    slow.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")
    check_paused(slow)


def test_in_the_last_second_of_a_phase_it_pauses_before_the_next(slow: Context, job: Job, sent: Sent) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        pause_job(slow.pipeline, job.id)
        return DONE

    run_phase(job.id, Phase.PREPARE, work, context=slow)
    assert check_paused(slow, Phase.TRAIN).attempts == {Phase.PREPARE: 1}
    assert slow.volume.published(job.id, Phase.PREPARE) is not None
    assert sent.messages == [(PREPARE, job.id)]
    resume_job(slow.pipeline, job.id)
    assert sent.messages[-1] == (TRAIN, job.id)


def test_work_that_is_done_when_its_worker_hears_of_the_pause_is_published(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        pause_job(context.pipeline, job.id)
        with pytest.raises(Paused):
            until_stopped(threading.Event())(request, folder, reporter)
        return DONE

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert check_paused(context, Phase.TRAIN).excused == {}


def test_between_publishing_and_advancing(slow: Context, job: Job) -> None:
    def pause_now(*_: object) -> dict[str, object]:
        pause_job(slow.pipeline, job.id)
        return {"trained_tokens": 7}

    run_phase(job.id, Phase.PREPARE, prepare, context=slow, record_updates=pause_now)
    assert check_paused(slow, Phase.TRAIN).trained_tokens == 7


def test_a_job_whose_last_phase_is_published_has_succeeded(context: Context, job: Job) -> None:
    def begin_last_phase(record: Job) -> Job:
        return record.model_copy(update={"phase": Phase.EVALUATE, "attempts": {Phase.EVALUATE: 1}})

    context.store.jobs.update(job.id, begin_last_phase)
    lease = context.store.leases.acquire(phase_lease(job.id, Phase.EVALUATE), "its worker", SOON)
    assert lease is not None
    assert pause_job(context.pipeline, job.id).status is Is.VALIDATING
    context.pipeline.advance(job.id, Phase.EVALUATE, 1)
    record = context.store.jobs.get(job.id)
    assert (record.status, record.pause_requested) == (Is.SUCCEEDED, False)


def test_between_the_claim_and_the_beginning(slow: Context, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def claim_then_pause(context: Context, job_id: str, phase: Phase) -> object:
        lease = claim(context, job_id, phase)
        pause_job(context.pipeline, job_id)
        return lease

    monkeypatch.setattr("scriptorium.jobs.runner.claim", claim_then_pause)
    run_phase(job.id, Phase.PREPARE, never, context=slow)
    monkeypatch.undo()
    assert check_paused(slow).excused == {Phase.PREPARE: 1}


def test_just_before_a_failure_the_job_fails(slow: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        pause_job(slow.pipeline, job.id)
        raise EnvironmentMissing("its child process is gone")

    run_phase(job.id, Phase.PREPARE, work, context=slow)
    assert slow.store.jobs.get(job.id).status is Is.FAILED


def test_a_paused_job_and_one_that_is_to_pause_are_cancelled(context: Context, job: Job) -> None:
    pause_job(context.pipeline, job.id)
    assert cancel_job(context.pipeline, job.id).status is Is.CANCELLED
    other = submit(context, "ftjob-2")
    begun = threading.Event()

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        try:
            return until_stopped(begun)(request, folder, reporter)
        finally:
            assert cancel_job(context.pipeline, other.id).status is Is.VALIDATING

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, other.id, Phase.PREPARE, work, context=context)
        assert begun.wait(10)
        pause_job(context.pipeline, other.id)
        running.result(10)
    assert reap(context, lambda task: 0) == []
    assert context.store.jobs.get(other.id).status is Is.CANCELLED


def test_a_paused_job_cannot_be_deleted_before_it_is_cancelled(context: Context, job: Job) -> None:
    pause_job(context.pipeline, job.id)
    with pytest.raises(Conflict) as refused:
        delete_job(context, job.id)
    assert refused.value.next_step == "Cancel it first: `scriptorium cancel ftjob-1`."
    cancel_job(context.pipeline, job.id)
    delete_job(context, job.id)


def test_a_pause_survives_the_loss_of_redis(context: Context, job: Job) -> None:
    pause_job(context.pipeline, job.id)
    context.store.client.flushdb()
    restore_jobs(context)
    record = context.store.jobs.get(job.id)
    assert (record.status, record.pause_requested) == (Is.PAUSED, True)
    assert reap(context, lambda task: 0) == []
    resume_job(context.pipeline, job.id)
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


@pytest.mark.parametrize("loss", ["worker", "redis"])
def test_the_reaper_pauses_a_job_whose_worker_died_before_it_stopped(context: Context, job: Job, loss: str) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    pause_job(context.pipeline, job.id)
    if loss == "worker":
        lose_lease(context, job, Phase.PREPARE)
    else:
        context.store.client.flushdb()
        restore_jobs(context)
    assert claim(context, job.id, Phase.PREPARE) is None
    unhurried = context.settings.model_copy(update={"reaper_grace": SOON})
    assert reap(dataclasses.replace(context, settings=unhurried), lambda task: 1) == []
    check_paused(context)
    assert not any("is gone" in message for message in event_messages(context, job.id))


def test_the_reaper_pauses_a_job_whose_worker_was_shut_down_while_pausing(slow: Context, job: Job) -> None:
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=slow)
        assert begun.wait(10)
        pause_job(slow.pipeline, job.id)
        runner.shutdown.set()
        running.result(20)
    runner.shutdown.clear()
    assert slow.store.jobs.get(job.id).excused == {Phase.PREPARE: 1}
    check_paused(slow)


def test_a_pause_that_is_taken_back_in_time_stops_nothing(context: Context, job: Job, sent: Sent) -> None:
    begun, finish = threading.Event(), threading.Event()

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        begun.set()
        assert finish.wait(10)
        reporter.check()
        return DONE

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, work, context=context)
        assert begun.wait(10)
        assert pause_job(context.pipeline, job.id).pausing
        assert not resume_job(context.pipeline, job.id).pause_requested
        beats = context.settings.heartbeat.total_seconds() * 4
        assert not wait_until(running.done, timedelta(seconds=beats))
        finish.set()
        running.result(10)
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.excused) == (Phase.TRAIN, {})
    assert sent.messages == [(PREPARE, job.id), (TRAIN, job.id)]


def test_a_resume_while_the_worker_stops_sends_the_phase_again(context: Context, job: Job, sent: Sent) -> None:
    begun = threading.Event()

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        try:
            return until_stopped(begun)(request, folder, reporter)
        finally:
            resume_job(context.pipeline, job.id)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, work, context=context)
        assert begun.wait(10)
        pause_job(context.pipeline, job.id)
        running.result(10)
    assert context.store.jobs.get(job.id).status is Is.VALIDATING
    assert reap(context, sent.waiting) == [job.id]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_pause_at_any_moment_of_a_job_is_never_lost(context: Context) -> None:
    """Pause and resume jobs over and over while a worker works: each pause is followed by a pause or by the end."""
    job = submit(context, "ftjob-1")
    ended = threading.Event()

    def steps(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        for _ in range(3):
            reporter.check()
            ended.wait(0.005)
        return DONE

    def work_until_ended() -> None:
        while not ended.is_set():
            run_phase(job.id, Phase.PREPARE, steps, context=context)
            reap(context, lambda task: 0)

    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work_until_ended)
        for round_number in range(40):
            ended.wait(round_number * 0.0007)
            pause_job(context.pipeline, job.id)
            assert wait_until(lambda: context.store.jobs.get(job.id).status is Is.PAUSED, SOON, 0.005)
            record = context.store.jobs.get(job.id)
            if record.phase is not Phase.PREPARE:
                break
            resume_job(context.pipeline, job.id)
        ended.set()
        worker.result(10)
    assert record.phase is Phase.TRAIN
    assert context.volume.published(job.id, Phase.PREPARE) is not None


def test_another_job_has_the_device_while_the_first_is_paused_and_it_comes_back_at_its_old_place(
    context: Context,
) -> None:
    quick = {"device_patience": timedelta(seconds=0.2), "machine": "one"}
    machine = dataclasses.replace(context, settings=context.settings.model_copy(update=quick))
    (device,) = list_devices(machine.settings)
    jobs = [submit(context, f"ftjob-{number}") for number in (1, 2, 3)]
    holders: list[str | None] = []

    def record_holder(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        holders.append(context.store.leases.holder(device))
        return DONE

    run_and_pause(machine, jobs[0], needs_gpu=True)
    check_paused(context)
    assert context.store.leases.holder(device) is None
    run_phase(jobs[0].id, Phase.PREPARE, record_holder, context=machine, needs_gpu=True)  # any message: a hint
    resume_job(context.pipeline, jobs[0].id)
    run_phase(jobs[2].id, Phase.PREPARE, record_holder, context=machine, needs_gpu=True)
    assert holders == [jobs[1].id, jobs[0].id]


def test_a_resumed_job_has_its_old_place_in_the_queue(context: Context, http: httpx.Client) -> None:
    jobs = [submit(context, f"ftjob-{number}") for number in (1, 2)]
    for job in jobs:
        run_phase(job.id, Phase.PREPARE, prepare, context=context)
        context.store.jobs.update(
            job.id, lambda record: record.model_copy(update={"submitted_at": float(record.id[-1])})
        )
    place = {}
    for action in ("pause", "resume"):
        place[action] = http.post(f"/v1/fine_tuning/jobs/ftjob-1/{action}").json()["scriptorium"]["queue_position"]
    assert place == {"pause": None, "resume": 1}


def test_nobody_waits_behind_a_paused_job(context: Context, job: Job) -> None:
    context.store.leases.add_devices(["gpu:one:0"])
    lease = context.store.leases.acquire("gpu:one:0", "somebody", SOON)
    assert lease is not None
    assert context.store.leases.acquire("gpu:one:0", job.id, SOON, job.rank) is None
    context.store.leases.release(lease)
    pause_job(context.pipeline, job.id)
    assert context.store.leases.acquire("gpu:one:0", "a later one", SOON, job.rank + 1) is not None
