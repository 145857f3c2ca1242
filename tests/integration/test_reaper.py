"""The reaper on a real Redis-compatible server: it sends lost phases again, and nothing else."""

from __future__ import annotations

import time
from itertools import pairwise

import httpx
import pytest
from standins import Sent
from work import DONE, SOON, event_messages, lose_lease, never, prepare, submit

from scriptorium.contracts import (
    Job,
    Phase,
    Status,
)
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.reaper import MAX_CHANGES_PER_ROUND, reap
from scriptorium.jobs.runner import Context, claim, run_phase


def test_a_lost_message_is_sent_again(context: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(context, sent.waiting) == [job.id]
    assert sent.messages == [(PREPARE, job.id)]


def let_time_pass(context: Context, job: Job, seconds: float) -> None:
    """Move the times of a job's messages into the past, as waiting would."""

    def change(record: Job) -> Job:
        times = {name: time and time - seconds for name in ("sent_at", "hinted_at") if (time := getattr(record, name))}
        return record.model_copy(update=times)

    context.store.jobs.update(job.id, change)


@pytest.fixture
def patient(context: Context) -> Context:
    """Return a context whose reaper waits for ten seconds before it sends a phase again."""
    settings = context.settings.model_copy(update={"reaper_grace": SOON})
    return Context(settings, context.store, context.volume, context.pipeline)


def full(task: str) -> int:
    """Return the length of a queue that is never empty."""
    return 1000


def test_a_leased_or_just_sent_phase_is_not_sent_again(patient: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(patient, sent.waiting) == reap(patient, full) == []
    assert claim(patient, job.id, Phase.PREPARE) is not None
    let_time_pass(patient, job, 3600)
    assert reap(patient, sent.waiting) == reap(patient, full) == []
    assert sent.messages == []


def test_a_dead_workers_phase_is_sent_again_although_its_queue_is_never_empty(
    patient: Context, job: Job, sent: Sent
) -> None:
    assert claim(patient, job.id, Phase.PREPARE) is not None
    lose_lease(patient, job, Phase.PREPARE)
    assert reap(patient, full) == []  # it may have been claimed again this moment
    let_time_pass(patient, job, 11)
    assert reap(patient, full) == [job.id]
    assert reap(patient, full) == []
    assert "attempt 1 is gone" in event_messages(patient, job.id)[-1]


def test_a_dead_workers_clock_may_have_been_wrong(patient: Context, job: Job) -> None:
    assert claim(patient, job.id, Phase.PREPARE) is not None
    lose_lease(patient, job, Phase.PREPARE)
    let_time_pass(patient, job, -3600)
    assert reap(patient, full) == [job.id]


def test_a_phase_that_nobody_claims_is_sent_again_ever_more_seldom(patient: Context, job: Job, sent: Sent) -> None:
    first_sent_at = patient.store.jobs.get(job.id).sent_at
    sent_after = []
    for round_number in range(1200):  # an hour
        if reap(patient, full):
            sent_after.append(round_number * 3)
        let_time_pass(patient, job, 3)
    assert len(sent_after) in (8, 9)
    assert [later / sooner for sooner, later in pairwise(sent_after)] == pytest.approx([2] * (len(sent_after) - 1), 0.2)
    assert patient.store.jobs.get(job.id).sent_at == pytest.approx(
        first_sent_at - 3600, abs=60
    )  # its place in the queue
    assert "is gone" not in "".join(event_messages(patient, job.id))
    let_time_pass(patient, job, 11)
    assert reap(patient, sent.waiting) == [job.id]  # at once if the queue is empty: the message is lost for sure


def test_a_round_sends_a_few_and_those_of_dead_workers_first(patient: Context, sent: Sent) -> None:
    jobs = [submit(patient, f"ftjob-{number}") for number in range(MAX_CHANGES_PER_ROUND + 2)]
    dead = jobs[-1]
    assert claim(patient, dead.id, Phase.PREPARE) is not None
    lose_lease(patient, dead, Phase.PREPARE)
    for job in jobs:
        let_time_pass(patient, job, 11)
    first_round = reap(patient, full)
    assert first_round[0] == dead.id
    assert len(first_round) == MAX_CHANGES_PER_ROUND
    assert sorted(first_round + reap(patient, full)) == sorted(job.id for job in jobs)


def test_a_dead_workers_phase_is_sent_again_and_runs(context: Context, job: Job, sent: Sent) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    lose_lease(context, job, Phase.PREPARE)
    assert reap(context, sent.waiting) == [job.id]
    assert "attempt 1 is gone" in event_messages(context, job.id)[-1]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    record = context.store.jobs.get(job.id)
    assert (record.phase, record.attempts[Phase.PREPARE]) == (Phase.TRAIN, 2)


def test_a_phase_whose_workers_keep_dying_fails_the_job(context: Context, job: Job, sent: Sent) -> None:
    for _ in range(context.settings.max_attempts):
        reap(context, sent.waiting)
        assert claim(context, job.id, Phase.PREPARE) is not None
        lose_lease(context, job, Phase.PREPARE)
    assert reap(context, sent.waiting) == []
    record = context.store.jobs.get(job.id)
    assert record.status is Status.FAILED
    assert record.error is not None
    assert record.error.code == "attempts_exhausted"


def test_a_published_phase_is_advanced_however_often_its_worker_died(context: Context, job: Job, sent: Sent) -> None:
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    context.volume.publish(job.id, Phase.PREPARE, folder, {"seconds": 2.5, "result": DONE.model_dump(mode="json")})
    for _ in range(context.settings.max_attempts + 2):
        assert claim(context, job.id, Phase.PREPARE) is not None
        lose_lease(context, job, Phase.PREPARE)
        assert reap(context, sent.waiting) == [job.id]
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_cancelled_job_that_nobody_works_on_ends(context: Context, job: Job, sent: Sent) -> None:
    context.store.jobs.update(job.id, lambda job: job.model_copy(update={"cancel_requested": True}))
    assert reap(context, sent.waiting) == []
    assert context.store.jobs.get(job.id).status is Status.CANCELLED


def test_a_paused_job_is_not_sent_again(context: Context, job: Job, sent: Sent) -> None:
    context.store.jobs.update(job.id, lambda job: job.model_copy(update={"status": Status.PAUSED}))
    assert reap(context, sent.waiting) == []


def test_an_id_without_a_record_stops_neither_the_reaper_nor_a_list(
    context: Context, job: Job, sent: Sent, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    context.store.client.sadd("scriptorium:jobs:active", "ftjob-none")
    context.store.client.zadd("scriptorium:jobs", {"ftjob-none": time.time()})
    assert [listed["id"] for listed in http.get("/v1/fine_tuning/jobs").json()["data"]] == [job.id]
    assert http.get(f"/v1/fine_tuning/jobs/{job.id}").status_code == 200
    assert http.get("/metrics").status_code == 200
    context.store.client.sadd("scriptorium:jobs:active", "ftjob-none")
    sent.messages.clear()
    assert reap(context, sent.waiting) == [job.id]
    assert context.store.client.smembers("scriptorium:jobs:active") == {job.id}
    assert "ftjob-none has no record" in caplog.text
