"""Job records and events on a real Redis-compatible server."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from work import SOON, submit

from scriptorium.contracts import (
    Checkpoint,
    Event,
    Job,
)
from scriptorium.errors import JobMissing
from scriptorium.jobs.runner import Context


def test_many_jobs_are_read_at_once_newest_first(context: Context) -> None:
    assert (context.store.jobs.newest(10), context.store.jobs.progress_of([])) == ([], {})
    ids = [submit(context, f"ftjob-{number}").id for number in range(3)]
    context.store.client.zadd("scriptorium:jobs", {job_id: place for place, job_id in enumerate(ids)})
    assert [job.id for job in context.store.jobs.newest(10)] == ids[::-1]
    context.store.client.delete("scriptorium:job:ftjob-1")
    assert [job.id for job in context.store.jobs.newest(10)] == ["ftjob-2", "ftjob-0"]
    context.store.jobs.set_progress("ftjob-0", {"step": 3, "train_loss": 2.5})
    assert context.store.jobs.progress_of(["ftjob-0", "ftjob-2"]) == {
        "ftjob-0": {"step": 3, "train_loss": 2.5},
        "ftjob-2": {},
    }


def test_the_time_of_the_last_event_is_known(context: Context) -> None:
    for message in ("one", "two"):
        context.store.events.append("ftjob-1", Event(created_at=1, message=message))
    times = context.store.events.last_times(["ftjob-1", "ftjob-none"])
    assert list(times) == ["ftjob-1"]
    assert times["ftjob-1"] == pytest.approx(time.time(), abs=5)


def test_concurrent_changes_of_a_record_are_all_kept(context: Context, job: Job) -> None:
    def add(number: int) -> None:
        context.store.jobs.update(
            job.id, lambda record: record.model_copy(update={"metadata": {**record.metadata, str(number): "x"}})
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
    checkpoints = context.store.jobs.checkpoints(job.id)
    assert [(checkpoint.step, checkpoint.dev_loss) for checkpoint in checkpoints] == [(10, None), (5, 2.0)]


def test_a_request_has_one_job_until_its_window_ends_or_its_job_is_no_answer(context: Context, job: Job) -> None:
    jobs, second = context.store.jobs, job.model_copy(update={"id": "ftjob-2"})
    assert jobs.add_once(job, "f", SOON, lambda _: True) == job
    assert jobs.add_once(second, "f", SOON, lambda _: True).id == job.id
    assert jobs.add_once(second, "other", SOON, lambda _: True).id == second.id
    third = job.model_copy(update={"id": "ftjob-3"})
    assert jobs.add_once(third, "f", SOON, lambda earlier: earlier.id != job.id) == third
    assert 0 < context.store.client.pttl("scriptorium:request:f") <= SOON.total_seconds() * 1000
    context.store.client.delete("scriptorium:request:f")  # as at the end of its window
    assert jobs.add_once(second, "f", SOON, lambda _: True) == second
    assert {record.id for record in jobs.active()} == {job.id, second.id, third.id}


def test_events_are_paged_backwards_and_followed_forwards(context: Context) -> None:
    events = context.store.events
    ids = [events.append("j", Event(created_at=1, message=str(number))) for number in range(7)]
    assert [event.message for event in events.page("j", 3)] == ["6", "5", "4"]
    assert [event.message for event in events.page("j", 3, before=ids[4])] == ["3", "2", "1"]
    assert [event.message for event in events.after("j", ids[4])] == ["5", "6"]
    assert [event.id for event in events.after("j", "ftevent-0-0")] == ids
    assert [event.message for event in events.after("j", "ftevent-0-0", limit=2)] == ["0", "1"]
