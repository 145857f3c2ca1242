"""The reaper on a real Redis-compatible server: it sends lost phases again, and nothing else."""

from __future__ import annotations

import time

import httpx
import pytest
from standins import Sent
from work import SOON, event_messages, lose_lease, prepare

from scriptorium.contracts import (
    Job,
    Phase,
    Status,
)
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.runner import Context, claim, run_phase


def test_a_lost_message_is_sent_again(context: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(context, sent.waiting) == [job.id]
    assert sent.messages == [(PREPARE, job.id)]


def test_a_leased_queued_or_just_sent_phase_is_not_sent_again(context: Context, job: Job, sent: Sent) -> None:
    sent.messages.clear()
    assert reap(context, lambda task: 1) == []  # the message is still in the queue
    patient = Context(
        context.settings.model_copy(update={"reaper_grace": SOON}), context.store, context.volume, context.pipeline
    )
    assert reap(patient, sent.waiting) == []
    assert claim(context, job.id, Phase.PREPARE) is not None
    assert reap(context, sent.waiting) == []
    assert sent.messages == []


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
