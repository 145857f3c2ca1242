"""Costs that must not grow with the number of jobs: lists, counts, queue positions, events; and old stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from standins import Sent
from work import submit

from scriptorium.contracts import Event, Job, JobError, Phase, Status
from scriptorium.errors import JobMissing
from scriptorium.jobs.archive.archiving import archive_ended
from scriptorium.jobs.archive.event_log import RECENT_EVENTS, EventLog
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim
from scriptorium.store import Store, open_store
from scriptorium.store.job_index import COUNTS, QUEUED, UNARCHIVED, VERSION_KEY, unindex_job
from scriptorium.store.jobs import Jobs

NOW = timedelta(0)
INDEX_KEYS = (COUNTS, QUEUED, UNARCHIVED, VERSION_KEY)


@contextmanager
def counted_calls(store: Store) -> Iterator[list[int]]:
    """Count the commands that Redis gets in the block."""
    calls: list[int] = []
    before = store.client.info("stats")["total_commands_processed"]  # type: ignore[index]
    yield calls
    calls.append(store.client.info("stats")["total_commands_processed"] - before)  # type: ignore[index,operator]


def change(context: Context, job_id: str, **changes: object) -> Job:
    return context.store.jobs.update(job_id, lambda job: job.model_copy(update=changes))


def positions(jobs: Jobs, *job_ids: str) -> list[int | None]:
    """Return the positions of jobs in the queue for the GPU."""
    return [position for _, position in jobs.progress_and_positions(jobs.get_many(job_ids))]


def test_a_list_costs_the_same_however_many_jobs_there_are(context: Context, http: httpx.Client) -> None:
    costs = []
    for number in range(60):
        submit(context, f"ftjob-{number:02}")
        if number in (29, 59):
            http.get("/v1/fine_tuning/jobs?limit=5")
            with counted_calls(context.store) as calls:
                assert len(http.get("/v1/fine_tuning/jobs?limit=5").json()["data"]) == 5
            costs += calls
    assert costs[1] == costs[0] < 20


def test_a_list_is_paged_by_a_cursor_and_narrowed(context: Context, http: httpx.Client) -> None:
    for number in range(7):
        submit(context, f"ftjob-{number}")
        context.store.client.zadd("scriptorium:jobs", {f"ftjob-{number}": number})
        change(context, f"ftjob-{number}", metadata={"parity": str(number % 2)})

    def ids(query: str) -> tuple[list[str], bool]:
        answer = http.get(f"/v1/fine_tuning/jobs?{query}").json()
        return [job["id"].removeprefix("ftjob-") for job in answer["data"]], answer["has_more"]

    assert ids("limit=3") == (["6", "5", "4"], True)
    assert ids("limit=3&after=ftjob-4") == (["3", "2", "1"], True)
    assert ids("limit=3&after=ftjob-1") == (["0"], False)
    assert ids("after=ftjob-0") == ([], False)
    assert ids("limit=2&metadata[parity]=0") == (["6", "4"], True)
    assert ids("limit=2&metadata[parity]=0&after=ftjob-4") == (["2", "0"], False)
    for query in ("after=ftjob-none", "metadata[parity]=0&after=ftjob-3"):
        answer = http.get(f"/v1/fine_tuning/jobs?{query}")
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")
    context.store.client.delete("scriptorium:job:ftjob-5")  # an id without a record hides no other
    assert ids("limit=2") == (["6", "4"], True)


def test_counts_and_positions_follow_every_change(context: Context) -> None:
    index = context.store.jobs.index
    for number in range(3):
        submit(context, f"ftjob-{number}")
        change(context, f"ftjob-{number}", status=Status.QUEUED, phase=Phase.TRAIN, submitted_at=10.5 - number)
    jobs, ids = context.store.jobs, ["ftjob-0", "ftjob-1", "ftjob-2"]
    assert positions(jobs, *ids) == [3, 2, 1]
    change(context, "ftjob-0", priority=1)
    assert positions(jobs, *ids) == [1, 3, 2]
    change(context, "ftjob-0", priority=0)
    assert index.counts().statuses == {"queued": 3}
    change(context, "ftjob-2", status=Status.RUNNING)
    change(context, "ftjob-1", status=Status.FAILED, error=JobError(code="out_of_memory", message="x"))
    assert positions(jobs, *ids) == [1, None, None]
    assert (index.counts().statuses, index.counts().errors) == (
        {"queued": 1, "running": 1, "failed": 1},
        {"out_of_memory": 1},
    )
    assert [job.id for job in context.store.jobs.active()] == ["ftjob-2", "ftjob-0"]
    assert claim(context, "ftjob-0", Phase.TRAIN) is not None
    assert positions(jobs, *ids[:1]) == [1]  # it waits until the work itself begins


def test_those_that_a_worker_has_claimed_stand_first_the_oldest_before_the_others(context: Context) -> None:
    for number in range(4):
        submit(context, f"ftjob-{number}")
        change(context, f"ftjob-{number}", created_at=9 - number, sent_at=99.0 - number, phase=Phase.TRAIN)
        change(context, f"ftjob-{number}", status=Status.QUEUED)
    for number in (1, 2):
        assert claim(context, f"ftjob-{number}", Phase.TRAIN) is not None
    jobs = context.store.jobs
    ids = [f"ftjob-{number}" for number in range(4)]
    assert positions(jobs, *ids) == [4, 2, 1, 3]
    context.store.client.delete(*INDEX_KEYS)
    assert jobs.index.repair()
    assert positions(jobs, *ids) == [4, 2, 1, 3]


def test_a_job_leaves_the_index_with_its_record(context: Context) -> None:
    jobs = [submit(context, f"ftjob-{number}") for number in range(2)]
    queued = change(context, jobs[0].id, status=Status.QUEUED, sent_at=1.0)
    with context.store.client.pipeline() as pipe:
        unindex_job(pipe, queued)
        pipe.execute()
    index = context.store.jobs.index
    assert index.counts().statuses == {"validating_files": 1}
    assert (index.page(5), positions(context.store.jobs, queued.id)) == ([jobs[1].id], [None])
    assert [job.id for job in context.store.jobs.active()] == [jobs[1].id]


def test_concurrent_changes_leave_the_counts_right(context: Context) -> None:
    for number in range(20):
        submit(context, f"ftjob-{number}")

    def end(number: int) -> None:
        change(context, f"ftjob-{number}", status=Status.SUCCEEDED)
        context.store.jobs.index.repair()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(end, range(20)))
    assert context.store.jobs.index.counts().statuses == {"succeeded": 20}


def test_a_store_without_an_index_gets_one_and_a_wrong_one_is_repaired(context: Context, redis_url: str) -> None:
    for number, status in enumerate((Status.QUEUED, Status.SUCCEEDED, Status.FAILED)):
        submit(context, f"ftjob-{number}")
        change(context, f"ftjob-{number}", status=status, sent_at=5.0)
    submit(context, "ftjob-broken")
    context.store.client.set("scriptorium:job:ftjob-broken", "")
    context.store.client.delete(*INDEX_KEYS)
    jobs = open_store(redis_url).jobs
    assert jobs.index.counts().statuses == {"queued": 1, "succeeded": 1, "failed": 1}
    assert positions(jobs, "ftjob-0", "ftjob-1") == [1, None]
    assert sorted(jobs.index.unarchived(time.time(), 10)) == ["ftjob-1", "ftjob-2"]
    context.store.client.hset(COUNTS, "status/queued", 7)
    context.store.client.zadd(QUEUED, {"ftjob-1": 1})
    assert jobs.index.repair()
    assert jobs.index.counts().statuses["queued"] == 1
    assert positions(jobs, "ftjob-0") == [1]


def test_the_index_is_not_repaired_over_a_change(context: Context, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    index = context.store.jobs.index
    read_all = index._read_all

    def read_slowly(pipe: object) -> object:
        jobs = read_all(pipe)
        change(context, job.id, status=Status.CANCELLED)
        return jobs

    monkeypatch.setattr(index, "_read_all", read_slowly)
    assert not index.repair()
    assert index.counts().statuses == {"cancelled": 1}


def test_nobody_waits_for_an_index_that_is_changed_all_the_time(
    context: Context, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context.store.client.delete(VERSION_KEY)
    index = open_store(redis_url).jobs.index
    read_all, numbers = index._read_all, iter(range(20))

    def read_beside_a_writer(pipe: object) -> object:
        submit(context, f"ftjob-{next(numbers)}")  # a StopIteration ends a wait without an end
        return read_all(pipe)

    monkeypatch.setattr(index, "_read_all", read_beside_a_writer)
    assert index.counts().statuses["validating_files"] > 1
    assert context.store.client.get(VERSION_KEY) is None
    monkeypatch.setattr(index, "_read_all", read_all)
    assert index.counts().statuses["validating_files"] == next(numbers)
    assert context.store.client.get(VERSION_KEY) is not None


def end_with_events(context: Context, job: Job, count: int) -> list[str]:
    """Append events to a job, end it, and return the messages of all its events."""
    for number in range(count):
        context.store.events.append(job.id, Event(created_at=1, message=str(number), data={"loss": number / 7}))
    change(context, job.id, status=Status.SUCCEEDED)
    return [f"Created fine-tuning job: {job.id}", *map(str, range(count))]


def test_the_events_of_an_ended_job_are_archived_and_read_as_before(
    context: Context, job: Job, http: httpx.Client
) -> None:
    messages = end_with_events(context, job, 1_200)
    address = f"/v1/fine_tuning/jobs/{job.id}/events"
    before = [http.get(f"{address}{query}").content for query in ("", "?limit=100", "?stream=true")]
    assert archive_ended(context) == []  # its last events may still come
    assert archive_ended(context, NOW) == [job.id]
    assert archive_ended(context, NOW) == []
    assert context.store.client.xlen(f"scriptorium:events:{job.id}") == RECENT_EVENTS
    assert [http.get(f"{address}{query}").content for query in ("", "?limit=100", "?stream=true")] == before
    paged, after = [], ""
    while True:
        page = http.get(f"{address}?limit=70{after}").json()
        paged += [event["message"] for event in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert paged == messages[::-1]


def test_archived_events_are_still_read_after_a_restore(context: Context, job: Job) -> None:
    messages = end_with_events(context, job, 60)
    context.volume.save_job(context.store.jobs.get(job.id))
    archive_ended(context, NOW)
    context.store.client.flushdb()
    assert restore_jobs(context) == [job.id]
    messages.append("The job's record was restored from the volume.")
    event_log = EventLog(context.store.events, context.volume)
    assert [event.message for event in event_log.page(job.id, 100)] == messages[::-1]
    assert archive_ended(context, NOW) == [job.id]
    assert [event.message for event in event_log.page(job.id, 100)] == messages[::-1]


def test_a_late_event_and_a_lost_store_lose_no_archived_event(context: Context, job: Job) -> None:
    messages = end_with_events(context, job, 100)
    event_log = EventLog(context.store.events, context.volume)
    event_log.archive([job.id])
    context.store.events.append(job.id, Event(created_at=1, message="late"))
    assert [event.message for event in event_log.after(job.id, "ftevent-0-0")] == [*messages, "late"]
    event_log.archive([job.id])
    context.store.client.flushdb()
    assert [event.message for event in event_log.page(job.id, 200)] == ["late", *messages[::-1]]


def test_an_archive_that_was_interrupted_before_the_trim_doubles_nothing(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = end_with_events(context, job, 60)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(context.store.events, "trim", crash)
        archive_ended(context, NOW)
    event_log = EventLog(context.store.events, context.volume)
    assert [event.message for event in event_log.after(job.id, "ftevent-0-0")] == messages
    assert archive_ended(context, NOW) == [job.id]
    assert [event.message for event in event_log.page(job.id, 100)] == messages[::-1]


def test_a_deleted_job_is_not_archived(context: Context, job: Job) -> None:
    end_with_events(context, job, 3)
    context.store.client.delete(f"scriptorium:job:{job.id}")
    assert archive_ended(context, NOW) == [job.id]
    assert not context.volume.events(job.id).exists()
    with pytest.raises(JobMissing):
        context.store.jobs.check_exists(job.id)


def test_a_worker_that_is_still_stopping_keeps_its_lease_when_the_events_are_archived(context: Context) -> None:
    job = submit(context, "ftjob-1")
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    context.pipeline.cancel(job.id)
    assert archive_ended(context, NOW) == [job.id]
    assert context.store.leases.renew(lease, timedelta(seconds=5))


def test_a_round_of_the_reaper_reads_each_queue_once(context: Context) -> None:
    now = time.time()
    for number in range(30):
        submit(context, f"ftjob-{number}")
        change(context, f"ftjob-{number}", sent_at=now - 3000, hinted_at=now - 1000)  # due only if its queue is empty
    asked_queues = []

    def waiting(task: str) -> int:
        asked_queues.append(task)
        return 1

    with counted_calls(context.store) as calls:
        assert reap(context, waiting) == []
    assert len(asked_queues) == 1
    assert calls[0] < 10


def test_one_read_serves_all_followers_of_all_jobs(context: Context, http: httpx.Client, sent: Sent) -> None:
    jobs = [submit(context, f"ftjob-{number}") for number in range(3)]

    def follow(number: int) -> list[str]:
        address = f"/v1/fine_tuning/jobs/{jobs[number % 3].id}/events?stream=true"
        with http.stream("GET", address) as response:
            return [line for line in response.iter_lines() if line.startswith(('data: {"', "event: done"))]

    def count_reads() -> int:
        return int(context.store.client.info("commandstats")["cmdstat_xread"]["calls"])  # type: ignore[index]

    with ThreadPoolExecutor(30) as pool:
        streams = [pool.submit(follow, number) for number in range(30)]
        time.sleep(1.5)
        before, started = count_reads(), time.monotonic()
        for number in range(10):
            context.store.events.append(jobs[number % 3].id, Event(created_at=1, message=str(number)))
            time.sleep(0.1)
        reads, seconds = count_reads() - before, time.monotonic() - started
        for job in jobs:
            change(context, job.id, status=Status.SUCCEEDED)
        received = [stream.result(timeout=20) for stream in streams]
    assert reads < 10 + 10 * seconds  # one a poll or event, not one a client
    assert {len(lines) for lines in received} == {1 + 4 + 1, 1 + 3 + 1}
    assert all(lines[-1] == "event: done" for lines in received)
