"""Jobs, events, leases, phases and the reaper on a real Redis-compatible server."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from standins import BASE, Sent

from scriptorium import phase as phases
from scriptorium.child import wait_until
from scriptorium.contracts import (
    Checkpoint,
    Event,
    Hyperparameters,
    Job,
    Phase,
    PrepareRequest,
    PrepareResult,
    Status,
)
from scriptorium.errors import EnvironmentMissing, InvalidTrainingFile, JobMissing, LeaseLost, Problem, StoreUnavailable
from scriptorium.files import Files
from scriptorium.phase import Context, claim, run_phase
from scriptorium.queue import PREPARE, TRAIN
from scriptorium.reaper import reap
from scriptorium.recipe import Recipe
from scriptorium.report import Report
from scriptorium.restore import restore_jobs
from scriptorium.store.leases import GPU, LeaseState, phase_lease

SECOND = timedelta(seconds=1)
SOON = timedelta(seconds=10)
DONE = PrepareResult(words=1, chapters=1, splits={})


@pytest.fixture
def job(context: Context) -> Job:
    """A submitted job whose first phase was sent."""
    return submit(context, "ftjob-1")


def submit(context: Context, job_id: str) -> Job:
    """Submit a job with a manuscript of its own."""
    file = Files(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
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


def prepare(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
    """A phase's work that leaves one file."""
    (folder / "train.jsonl").write_text("{}\n")
    report.message("[DATA] 1 example")
    return DONE


def never(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
    """Work that must not be begun."""
    raise AssertionError("the work was begun")


def story(context: Context, job_id: str) -> list[str]:
    """What was said of a job, oldest first."""
    return [event.message for event in context.store.events.page(job_id, 100)][::-1]


def until_stopped(begun: threading.Event) -> Callable[[PrepareRequest, Path, Report], PrepareResult]:
    """Work that goes on until its report stops it."""

    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        begun.set()
        while True:
            report.check()
            time.sleep(0.02)

    return work


def lose_lease(context: Context, job: Job, phase: Phase) -> None:
    """What the passing of time does to the lease of a dead worker."""
    context.store.client.delete(f"scriptorium:lease:{phase_lease(job.id, phase)}")


# Claims


def test_of_many_claimers_one_wins(context: Context, job: Job) -> None:
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda _: claim(context, job.id, Phase.PREPARE), range(8)))
    won = [lease for lease in leases if lease]
    assert [lease.token for lease in won] == [1]
    assert context.store.jobs.get(job.id).attempts == {Phase.PREPARE: 1}


def test_an_expired_lease_is_claimed_with_a_higher_token(context: Context, job: Job) -> None:
    quick = Context(
        context.settings.model_copy(update={"lease_ttl": timedelta(milliseconds=50)}),
        context.store,
        context.volume,
        context.pipeline,
    )
    first = claim(quick, job.id, Phase.PREPARE)
    assert first is not None
    assert wait_until(lambda: context.store.leases.holder(first.name) is None, SOON)
    second = claim(context, job.id, Phase.PREPARE)
    assert second is not None
    assert second.token == first.token + 1
    assert context.store.leases.renew(first, SECOND) is False
    context.store.leases.release(first)
    assert context.store.leases.holder(second.name) == second.holder


def test_a_lease_that_only_expired_is_taken_up_again(context: Context) -> None:
    lease = context.store.leases.acquire("gpu", "somebody", SECOND)
    assert lease is not None
    context.store.client.delete("scriptorium:lease:gpu")
    assert context.store.leases.renew(lease, SECOND) is True
    assert context.store.leases.acquire("gpu", "another", SECOND) is None


@pytest.mark.parametrize("other", [Phase.TRAIN, Phase.EVALUATE])
def test_only_the_phase_that_a_job_is_at_can_be_claimed(context: Context, job: Job, other: Phase) -> None:
    assert claim(context, job.id, other) is None
    assert claim(context, "ftjob-none", Phase.PREPARE) is None


def test_a_stale_attempt_does_not_advance_or_fail_a_job(context: Context, job: Job) -> None:
    stale = claim(context, job.id, Phase.PREPARE)
    lose_lease(context, job, Phase.PREPARE)
    newer = claim(context, job.id, Phase.PREPARE)
    assert stale is not None
    assert newer is not None
    with pytest.raises(LeaseLost):
        context.pipeline.advance(job.id, Phase.PREPARE, stale.token)
    assert context.store.jobs.get(job.id).phase is Phase.PREPARE
    context.pipeline.advance(job.id, Phase.PREPARE, newer.token)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN
    with pytest.raises(LeaseLost):
        context.pipeline.advance(job.id, Phase.PREPARE, newer.token)  # not twice either


# What a watcher of leases sees


def look(context: Context, name: str) -> LeaseState:
    """The state of one lease."""
    return context.store.leases.look([name])[name]


def test_a_lease_that_was_never_granted_has_no_past(context: Context) -> None:
    assert look(context, GPU) == LeaseState()


def test_a_grant_and_its_renewals_are_remembered(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    granted = look(context, lease.name)
    assert (granted.holder, granted.grants, granted.waited) == (lease.holder, 1, 0)
    assert granted.granted_at == granted.renewed_at == pytest.approx(time.time(), abs=5)
    time.sleep(0.02)
    context.store.leases.renew(lease, SECOND)
    renewed = look(context, lease.name)
    assert renewed.granted_at == granted.granted_at
    assert renewed.renewed_at is not None
    assert renewed.renewed_at > (granted.renewed_at or 0)


def test_the_last_heartbeat_outlives_an_expired_lease_but_not_a_returned_one(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    lose_lease(context, job, Phase.PREPARE)
    expired = look(context, lease.name)
    assert (expired.holder, expired.renewed_at) == (None, expired.granted_at)
    newer = claim(context, job.id, Phase.PREPARE)
    assert newer is not None
    context.store.leases.release(lease)  # a late one: nothing of the newer one is forgotten
    context.store.leases.renew(lease, SECOND)
    assert look(context, lease.name).renewed_at == look(context, lease.name).granted_at
    context.store.leases.release(newer)
    returned = look(context, lease.name)
    assert (returned.holder, returned.grants, returned.renewed_at) == (None, 2, None)
    assert returned.granted_at is not None


def test_whoever_asks_in_vain_waits_until_the_grant(context: Context) -> None:
    leases = context.store.leases
    first = leases.acquire(GPU, "the server", SOON)
    assert first is not None
    assert look(context, GPU).waited == 0
    began = time.time()
    assert leases.acquire(GPU, "ftjob-1", SOON) is None
    time.sleep(0.1)
    assert leases.acquire(GPU, "ftjob-1", SOON) is None  # asking again does not begin anew
    time.sleep(0.1)
    leases.release(first)
    second = leases.acquire(GPU, "ftjob-1", SOON)
    assert second is not None
    state = look(context, GPU)
    assert (state.holder, state.grants) == ("ftjob-1", 2)
    assert 0.2 <= state.waited <= time.time() - began
    leases.release(second)
    assert look(context, GPU).waited == state.waited
    assert leases.acquire(GPU, "ftjob-1", SOON) is not None
    assert look(context, GPU).waited == 0  # that wait was over


def test_a_wait_that_was_given_up_is_forgotten(context: Context) -> None:
    short = timedelta(milliseconds=50)
    first = context.store.leases.acquire(GPU, "the server", SOON)
    assert first is not None
    assert context.store.leases.acquire(GPU, "ftjob-1", short) is None
    time.sleep(0.15)
    context.store.leases.release(first)
    assert context.store.leases.acquire(GPU, "ftjob-1", SOON) is not None
    assert look(context, GPU).waited == 0


# Jobs and events


def test_many_jobs_are_read_at_once_newest_first(context: Context) -> None:
    assert (context.store.jobs.all(), context.store.jobs.progress_of([])) == ([], {})
    ids = [submit(context, f"ftjob-{number}").id for number in range(3)]
    context.store.client.zadd("scriptorium:jobs", {job_id: place for place, job_id in enumerate(ids)})
    assert [job.id for job in context.store.jobs.all()] == ids[::-1]
    context.store.client.delete("scriptorium:job:ftjob-1")
    assert [job.id for job in context.store.jobs.all()] == ["ftjob-2", "ftjob-0"]
    context.store.jobs.set_progress("ftjob-0", {"step": 3, "train_loss": 2.5})
    assert context.store.jobs.progress_of(["ftjob-0", "ftjob-2"]) == {
        "ftjob-0": {"step": 3, "train_loss": 2.5},
        "ftjob-2": {},
    }


def test_the_time_of_the_last_event_is_known(context: Context) -> None:
    for message in ("one", "two"):
        context.store.events.append("ftjob-1", Event(created_at=1, message=message))
    found = context.store.events.last_times(["ftjob-1", "ftjob-none"])
    assert list(found) == ["ftjob-1"]
    assert found["ftjob-1"] == pytest.approx(time.time(), abs=5)


def test_concurrent_changes_of_a_record_are_all_kept(context: Context, job: Job) -> None:
    def add(number: int) -> None:
        context.store.jobs.update(
            job.id, lambda now: now.model_copy(update={"metadata": {**now.metadata, str(number): "x"}})
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert len(context.store.jobs.get(job.id).metadata) == 40


def test_a_missing_job_is_named(context: Context) -> None:
    with pytest.raises(JobMissing, match="ftjob-none"):
        context.store.jobs.get("ftjob-none")
    with pytest.raises(JobMissing):
        context.store.jobs.update("ftjob-none", lambda job: job)


def test_a_checkpoint_of_the_same_step_is_replaced(context: Context, job: Job) -> None:
    for loss in (3.0, 2.0):
        context.store.jobs.add_checkpoint(job.id, Checkpoint(step=5, created_at=1, dev_loss=loss))
    context.store.jobs.add_checkpoint(job.id, Checkpoint(step=10, created_at=2))
    found = context.store.jobs.checkpoints(job.id)
    assert [(checkpoint.step, checkpoint.dev_loss) for checkpoint in found] == [(10, None), (5, 2.0)]


def test_a_forgotten_request_can_be_made_again(context: Context) -> None:
    jobs = context.store.jobs
    assert jobs.remember_request("f", "ftjob-a", SECOND) is None
    assert jobs.remember_request("f", "ftjob-b", SECOND) == "ftjob-a"
    jobs.forget_request("f", "ftjob-b")  # it is tied to a
    assert jobs.remember_request("f", "ftjob-b", SECOND) == "ftjob-a"
    jobs.forget_request("f", "ftjob-a")
    assert jobs.remember_request("f", "ftjob-b", SECOND) is None


def test_events_are_paged_backwards_and_followed_forwards(context: Context) -> None:
    events = context.store.events
    ids = [events.append("j", Event(created_at=1, message=str(number))) for number in range(7)]
    assert [event.message for event in events.page("j", 3)] == ["6", "5", "4"]
    assert [event.message for event in events.page("j", 3, before=ids[4])] == ["3", "2", "1"]
    assert [event.message for event in events.after("j", ids[4])] == ["5", "6"]
    assert [event.id for event in events.after("j", "ftevent-0-0")] == ids
    assert [event.message for event in events.after("j", "ftevent-0-0", limit=2)] == ["0", "1"]


# Phases


def test_a_phase_publishes_and_advances(context: Context, job: Job, sent: Sent) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    body = context.volume.published(job.id, Phase.PREPARE)
    assert body is not None
    assert body["attempt"] == 1
    assert set(body["files"]) == {"train.jsonl"}
    now = context.store.jobs.get(job.id)
    assert (now.phase, now.status) == (Phase.TRAIN, Status.QUEUED)
    assert sent.messages == [(PREPARE, job.id), (TRAIN, job.id)]
    assert "[DATA] 1 example" in story(context, job.id)
    assert context.store.leases.holder(phase_lease(job.id, Phase.PREPARE)) is None
    assert list(context.volume.run(job.id).glob("*.tmp")) == []


def test_what_was_learned_is_kept_in_the_record(context: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context, learn=lambda job, result, volume: {"trained_tokens": 7})
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


def test_the_numbers_of_a_phase_are_remembered_and_come_back_with_a_restored_job(context: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    numbers = context.store.jobs.progress(job.id)
    assert (numbers["data_words"], numbers["data_findings"]) == (1, 0)
    assert 0 <= numbers["phase_seconds/prepare"] < 10
    context.store.client.flushdb()
    assert restore_jobs(context) == [job.id]
    assert context.store.jobs.progress(job.id) == numbers


def test_a_manifest_of_another_version_does_not_keep_a_job_from_being_restored(context: Context, job: Job) -> None:
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    context.volume.publish(job.id, Phase.PREPARE, folder, {"seconds": 2.5, "result": {"pages": 7}})
    context.store.client.flushdb()
    assert restore_jobs(context) == [job.id]
    assert context.store.jobs.progress(job.id) == {}


def test_numbers_can_be_remembered_without_a_line_in_the_story(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        report.remember({"curve_loss/35": 2.5})
        report.remember({})
        return DONE

    before = story(context, job.id)
    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.progress(job.id)["curve_loss/35"] == 2.5
    assert story(context, job.id) == before


def test_the_time_of_a_phase_has_no_wait_for_the_gpu_in_it(context: Context, job: Job) -> None:
    lease = context.store.leases.acquire(GPU, "somebody", SOON)
    assert lease is not None
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, prepare, context=context, needs_gpu=True)
        assert wait_until(lambda: context.store.leases.requested(GPU), SOON)
        time.sleep(0.3)
        context.store.leases.release(lease)
        running.result(10)
    assert context.store.jobs.progress(job.id)["phase_seconds/prepare"] < 0.25
    assert 0.3 <= look(context, GPU).waited < 5


def test_a_failure_ends_the_job_with_code_place_and_next_step(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        problems = [Problem("book.txt, line 3", "is not UTF-8"), Problem("book.txt", "has no chapters")]
        raise InvalidTrainingFile("The manuscript cannot be read.", problems=problems)

    run_phase(job.id, Phase.PREPARE, work, context=context)
    now = context.store.jobs.get(job.id)
    assert now.status is Status.FAILED
    assert now.finished_at is not None
    assert now.error is not None
    assert (now.error.code, now.error.param) == ("invalid_training_file", "book.txt, line 3")
    assert "has no chapters" in now.error.message
    assert now.error.next_step is not None
    assert any(line.startswith("[ERROR] [DATA]") for line in story(context, job.id))
    assert context.store.jobs.active() == []


def test_an_unexpected_failure_is_an_internal_error_without_a_traceback(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        raise ZeroDivisionError("secret")

    run_phase(job.id, Phase.PREPARE, work, context=context)
    error = context.store.jobs.get(job.id).error
    assert error is not None
    assert error.code == "internal_error"
    assert "secret" not in error.message


def test_a_store_that_is_away_is_not_the_jobs_fault(context: Context, job: Job, sent: Sent) -> None:
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        raise redis.ConnectionError("connection refused")

    with pytest.raises(StoreUnavailable):
        run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.get(job.id).status is Status.VALIDATING
    assert reap(context, lambda task: 0) == [job.id]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_request_that_cannot_be_made_fails_the_job(context: Context, job: Job) -> None:
    Files(context.volume.files).delete(job.training_file)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    error = context.store.jobs.get(job.id).error
    assert error is not None
    assert error.code == "file_not_found"


def test_a_cancelled_job_stops_within_heartbeats(context: Context, job: Job) -> None:
    begun = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_phase, job.id, Phase.PREPARE, until_stopped(begun), context=context)
        assert begun.wait(10)
        context.store.jobs.update(job.id, lambda now: now.model_copy(update={"cancel_requested": True}))
        running.result(10)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED
    assert story(context, job.id)[-1] == "The job was cancelled."
    assert context.volume.published(job.id, Phase.PREPARE) is None


def test_a_job_cancelled_between_claim_and_beginning_stays_cancelled(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def claimed_then_cancelled(context: Context, job_id: str, phase: Phase) -> object:
        lease = claim(context, job_id, phase)
        context.pipeline.cancelled(job_id)
        return lease

    monkeypatch.setattr(phases, "claim", claimed_then_cancelled)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED


def test_a_job_that_has_ended_is_not_cancelled_again(context: Context, job: Job) -> None:
    context.pipeline.cancelled(job.id)
    ended = context.pipeline.cancelled(job.id)
    assert ended.status is Status.CANCELLED
    assert story(context, job.id).count("The job was cancelled.") == 1


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
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        lose_lease(context, job, Phase.PREPARE)
        assert claim(context, job.id, Phase.PREPARE) is not None
        return DONE

    slow = Context(
        context.settings.model_copy(update={"heartbeat": SOON}), context.store, context.volume, context.pipeline
    )
    run_phase(job.id, Phase.PREPARE, work, context=slow)
    assert context.volume.published(job.id, Phase.PREPARE) is None
    now = context.store.jobs.get(job.id)
    assert (now.phase, now.attempts[Phase.PREPARE], now.error) == (Phase.PREPARE, 2, None)


def test_a_failure_of_a_stale_attempt_is_not_the_jobs(context: Context, job: Job) -> None:
    def work(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
        lose_lease(context, job, Phase.PREPARE)
        assert claim(context, job.id, Phase.PREPARE) is not None
        raise EnvironmentMissing("too late")

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.get(job.id).error is None


# The reaper


def test_a_lost_message_is_sent_again(context: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(context, sent.waiting) == [job.id]
    assert sent.messages == [(PREPARE, job.id)]


def test_what_is_held_queued_or_just_sent_is_left_alone(context: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(context, lambda task: 1) == []  # the message is still in the queue
    patient = Context(
        context.settings.model_copy(update={"reaper_grace": SOON}), context.store, context.volume, context.pipeline
    )
    assert reap(patient, sent.waiting) == []
    assert claim(context, job.id, Phase.PREPARE) is not None
    assert reap(context, sent.waiting) == []
    assert sent.messages == []


def test_a_dead_workers_phase_is_sent_again_and_taken_up(context: Context, job: Job, sent: Sent) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    lose_lease(context, job, Phase.PREPARE)
    assert reap(context, sent.waiting) == [job.id]
    assert "attempt 1 is gone" in story(context, job.id)[-1]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    now = context.store.jobs.get(job.id)
    assert (now.phase, now.attempts[Phase.PREPARE]) == (Phase.TRAIN, 2)


def test_a_phase_whose_workers_keep_dying_fails_the_job(context: Context, job: Job, sent: Sent) -> None:
    for _ in range(context.settings.max_attempts):
        reap(context, sent.waiting)
        assert claim(context, job.id, Phase.PREPARE) is not None
        lose_lease(context, job, Phase.PREPARE)
    assert reap(context, sent.waiting) == []
    now = context.store.jobs.get(job.id)
    assert now.status is Status.FAILED
    assert now.error is not None
    assert now.error.code == "attempts_exhausted"


def test_a_cancelled_job_that_nobody_works_on_ends(context: Context, job: Job, sent: Sent) -> None:
    context.store.jobs.update(job.id, lambda now: now.model_copy(update={"cancel_requested": True}))
    assert reap(context, sent.waiting) == []
    assert context.store.jobs.get(job.id).status is Status.CANCELLED


def test_a_paused_job_is_left_alone(context: Context, job: Job, sent: Sent) -> None:
    context.store.jobs.update(job.id, lambda now: now.model_copy(update={"status": Status.PAUSED}))
    assert reap(context, sent.waiting) == []
