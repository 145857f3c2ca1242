"""The list of jobs: pages, metadata, order, and jobs that come and go meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import openai

from tests.conformance.cases.wire import Wire, refused, unique


def the_list_is_newest_first(wire: Wire) -> None:
    """Jobs are listed newest first, also within a second."""
    _, ids = wire.tagged(4)
    assert [job.id for job in wire.client().fine_tuning.jobs.list(limit=4).data] == ids[::-1]


def the_list_pages_itself(wire: Wire) -> None:
    """Iterating over a page walks through all pages, each job once."""
    tag, ids = wire.tagged(7)
    assert [job.id for job in wire.client().fine_tuning.jobs.list(limit=2, metadata=tag)] == ids[::-1]


def the_list_has_twenty_by_default(wire: Wire) -> None:
    """Without a limit a page has up to twenty jobs."""
    wire.tagged(21)
    page = wire.client().fine_tuning.jobs.list()
    assert (len(page.data), page.has_more) == (20, True)


def metadata_narrows_the_list(wire: Wire) -> None:
    """`metadata[key]=value` lists the jobs with that pair; several pairs must all fit."""
    jobs, book = wire.client().fine_tuning.jobs, wire.book()
    tag, other = unique("tag"), unique("tag")
    both = wire.job(training_file=book, metadata={"a": tag, "b": other}).id
    one = wire.job(training_file=book, metadata={"a": tag}).id
    assert [job.id for job in jobs.list(metadata={"a": tag})] == [one, both]
    assert [job.id for job in jobs.list(metadata={"a": tag, "b": other})] == [both]
    assert jobs.list(metadata={"a": unique("none")}).data == []


def metadata_may_have_odd_characters(wire: Wire) -> None:
    """Keys and values with brackets, signs and other scripts are found again."""
    pair = {"ключ [1]=&": unique("ü + %41 &=")}
    job = wire.job(metadata=pair)
    assert [match.id for match in wire.client().fine_tuning.jobs.list(metadata=pair)] == [job.id]


def jobs_may_come_while_they_are_listed(wire: Wire) -> None:
    """Jobs that are created meanwhile make no page repeat or skip one that was there."""
    tag, ids = wire.tagged(12)
    book = wire.book()
    with ThreadPoolExecutor(1) as pool:
        created = pool.submit(lambda: [wire.job(training_file=book, metadata=tag).id for _ in range(12)])
        listed = [job.id for job in wire.client().fine_tuning.jobs.list(limit=3, metadata=tag)]
        created.result()
    assert [job_id for job_id in listed if job_id in ids] == ids[::-1]
    assert len(listed) == len(set(listed))


def jobs_may_go_while_they_are_listed(wire: Wire) -> None:
    """A loop that deletes what it lists reaches every job."""
    client, (tag, ids) = wire.client(), wire.tagged(5)
    for job_id in ids:
        client.fine_tuning.jobs.cancel(job_id)
    deleted = []
    for job in client.fine_tuning.jobs.list(limit=2, metadata=tag):
        client.delete(f"/fine_tuning/jobs/{job.id}", cast_to=object)
        deleted.append(job.id)
    assert deleted == ids[::-1]


def jobs_may_be_deleted_by_others_while_they_are_listed(wire: Wire) -> None:
    """Whoever pages sees every job that stays, exactly once, while others are deleted by another thread."""
    client, (tag, ids) = wire.client(), wire.tagged(12)
    gone = ids[::2]
    for job_id in gone:
        client.fine_tuning.jobs.cancel(job_id)
    with ThreadPoolExecutor(1) as pool:
        deleted = pool.submit(lambda: [client.delete(f"/fine_tuning/jobs/{job_id}", cast_to=object) for job_id in gone])
        listed = [job.id for job in client.fine_tuning.jobs.list(limit=2, metadata=tag)]
        deleted.result()
    assert [job_id for job_id in listed if job_id not in gone] == ids[1::2][::-1]
    assert len(listed) == len(set(listed))


def after_a_deleted_job_the_list_goes_on(wire: Wire) -> None:
    """`after` may name a job that was deleted since."""
    client, (_, ids) = wire.client(), wire.tagged(3)
    client.fine_tuning.jobs.cancel(ids[1])
    client.delete(f"/fine_tuning/jobs/{ids[1]}", cast_to=object)
    assert client.fine_tuning.jobs.list(after=ids[1], limit=1).data[0].id == ids[0]


def after_an_unknown_job_is_refused(wire: Wire) -> None:
    """`after` a job that never was is a 400 with its param."""
    jobs = wire.client().fine_tuning.jobs
    refused(openai.BadRequestError, lambda: jobs.list(after="ftjob-none"), "invalid_request", "after")


def a_limit_out_of_range_is_refused(wire: Wire) -> None:
    """`limit` takes 1 to 100."""
    jobs = wire.client().fine_tuning.jobs
    for limit in (0, 101, -1):
        refused(openai.BadRequestError, lambda limit=limit: jobs.list(limit=limit), "invalid_request", "limit")


def events_are_newest_first(wire: Wire) -> None:
    """Events are listed newest first and paged; the oldest one is the job's creation."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/events", events=[{"message": str(number)} for number in range(5)])
    events = list(jobs.list_events(job.id, limit=2))
    assert [event.message for event in events[:5]] == ["4", "3", "2", "1", "0"]
    assert job.id in events[-1].message
    assert len({event.id for event in events}) == len(events)


def an_event_has_every_field(wire: Wire) -> None:
    """An event has id, object, created_at, level, message, type and data; metrics have their numbers."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    data = {"step": 3, "train_loss": 1.5}
    wire.worker(
        f"{job.id}/events",
        events=[{"message": "a", "level": "warn"}, {"message": "b", "type": "metrics", "data": data}],
    )
    metrics, warning = jobs.list_events(job.id, limit=2).data
    assert (warning.object, warning.level, warning.type) == ("fine_tuning.job.event", "warn", "message")
    assert warning.id.startswith("ftevent-")
    assert (metrics.type, metrics.data) == ("metrics", data)


def events_may_come_while_they_are_listed(wire: Wire) -> None:
    """Events that are logged meanwhile make no page repeat or skip one that was there."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    ids = wire.worker(f"{job.id}/events", events=[{"message": "old"}] * 30)
    with ThreadPoolExecutor(1) as pool:
        logged = pool.submit(
            lambda: [wire.worker(f"{job.id}/events", events=[{"message": "new"}] * 5) for _ in range(6)]
        )
        listed = [event.id for event in jobs.list_events(job.id, limit=4)]
        logged.result()
    assert [event_id for event_id in listed if event_id in ids] == ids[::-1]
    assert len(listed) == len(set(listed))


def after_no_event_is_refused(wire: Wire) -> None:
    """`after` something that is no event's id is a 400 with its param."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    refused(openai.BadRequestError, lambda: jobs.list_events(job.id, after="event"), "invalid_request", "after")


def checkpoints_are_newest_first(wire: Wire) -> None:
    """Checkpoints are listed newest first and paged, each with its model, its step and its losses."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/checkpoints", steps=[5, 10, 15])
    checkpoints = list(jobs.checkpoints.list(job.id, limit=2))
    assert [checkpoint.step_number for checkpoint in checkpoints] == [15, 10, 5]
    newest = checkpoints[0]
    assert newest.id.startswith("ftckpt_")
    assert (newest.object, newest.fine_tuning_job_id) == ("fine_tuning.job.checkpoint", job.id)
    assert newest.fine_tuned_model_checkpoint.endswith(":ckpt-step-15")
    assert (newest.metrics.step, newest.metrics.train_loss, newest.metrics.full_valid_loss) == (15, 2.0, 3.0)


def a_job_without_checkpoints_has_an_empty_page(wire: Wire) -> None:
    """Before training the page of checkpoints is empty and has no next one."""
    page = wire.client().fine_tuning.jobs.checkpoints.list(wire.job().id)
    assert (page.data, page.has_more, page.has_next_page()) == ([], False, False)
