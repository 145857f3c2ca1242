"""Pause, resume and cancel: alone, twice, and from several threads at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.conformance.cases.wire import FINAL, Wire, eventually, refused


def _at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls at the same time; return their results, with the errors of those that the API refused."""

    def attempt(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except openai.APIStatusError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(attempt, calls))


def _statuses(results: list[Any]) -> set[Any]:
    return {result.status_code if isinstance(result, openai.APIStatusError) else result.status for result in results}


def a_waiting_job_is_cancelled_at_once(wire: Wire) -> None:
    """A job that no worker holds is cancelled by the call itself."""
    job = wire.client().fine_tuning.jobs.cancel(wire.job().id)
    assert job.status == "cancelled"
    assert job.finished_at is not None


def cancelling_twice_is_a_conflict(wire: Wire) -> None:
    """A job that has ended cannot be cancelled, paused or resumed: 409."""
    jobs = wire.client().fine_tuning.jobs
    job = jobs.cancel(wire.job().id)
    for call in (jobs.cancel, jobs.pause, jobs.resume):
        refused(openai.ConflictError, lambda call=call: call(job.id), "conflict")
    assert jobs.retrieve(job.id) == job


def a_running_job_is_cancelled_soon(wire: Wire) -> None:
    """A job that a worker holds ends as cancelled once the worker has stopped."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/begin")
    assert jobs.cancel(job.id).status not in FINAL
    assert eventually(lambda: jobs.retrieve(job.id).status == "cancelled")


def a_waiting_job_is_paused_and_resumed(wire: Wire) -> None:
    """Pause says "paused", resume says "queued"."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    assert jobs.pause(job.id).status == "paused"
    assert jobs.resume(job.id).status == "queued"
    assert jobs.retrieve(job.id).status == "queued"


def pausing_twice_changes_nothing(wire: Wire) -> None:
    """A second pause and a second resume answer with the job as it is."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    assert {jobs.pause(job.id).status for _ in range(2)} == {"paused"}
    assert {jobs.resume(job.id).status for _ in range(2)} == {"queued"}


def a_running_job_is_paused_soon(wire: Wire) -> None:
    """A job that a worker holds is paused once the worker has saved its work, and goes on after the resume."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/begin")
    jobs.pause(job.id)
    assert eventually(lambda: jobs.retrieve(job.id).status == "paused")
    assert jobs.resume(job.id).status == "queued"
    wire.worker(f"{job.id}/begin")
    wire.worker(f"{job.id}/end")
    assert jobs.retrieve(job.id).status == "queued"  # for training


def a_paused_job_is_cancelled_at_once(wire: Wire) -> None:
    """A paused job ends by the call itself."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    jobs.pause(job.id)
    assert jobs.cancel(job.id).status == "cancelled"


def cancels_at_once_end_in_one_cancelled_job(wire: Wire) -> None:
    """Of several cancels at once one at least succeeds, and the others find the job as ended."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    results = _at_once([lambda: jobs.cancel(job.id)] * 8)
    assert "cancelled" in _statuses(results) <= {"cancelled", 409}
    assert jobs.retrieve(job.id).status == "cancelled"


def pause_and_resume_at_once_end_in_one_of_the_two(wire: Wire) -> None:
    """Pauses and resumes of several threads leave the job paused or queued, and it can still be steered."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    calls: list[Callable[[], Any]] = [lambda: jobs.pause(job.id), lambda: jobs.resume(job.id)] * 5
    assert _statuses(_at_once(calls)) <= {"paused", "queued", "validating_files"}
    assert jobs.retrieve(job.id).status in ("paused", "queued", "validating_files")
    assert jobs.pause(job.id).status == "paused"
    assert jobs.resume(job.id).status == "queued"


def a_cancel_wins_against_pause_and_resume(wire: Wire) -> None:
    """Once a cancel was taken, the job is cancelled for good, whatever else comes at the same time."""
    for _ in range(3):
        job, jobs = wire.job(), wire.client().fine_tuning.jobs
        steer: list[Callable[[], Any]] = [lambda: jobs.pause(job.id), lambda: jobs.resume(job.id)]  # noqa: B023
        results = _at_once([*steer, lambda: jobs.cancel(job.id), *steer])  # noqa: B023
        assert _statuses(results) <= {"paused", "queued", "validating_files", "cancelled", 409}
        assert jobs.retrieve(job.id).status == "cancelled"


def a_cancel_wins_against_a_running_worker(wire: Wire) -> None:
    """Cancel, pause and resume at once while a worker holds the job end as cancelled."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/begin")
    calls: list[Callable[[], Any]] = [
        lambda: jobs.pause(job.id),
        lambda: jobs.cancel(job.id),
        lambda: jobs.resume(job.id),
    ]
    _at_once(calls * 3)
    assert eventually(lambda: jobs.retrieve(job.id).status == "cancelled")
    wire.worker(f"{job.id}/wait")
    assert jobs.retrieve(job.id).status == "cancelled"


def a_cancel_and_the_end_at_once_agree(wire: Wire) -> None:
    """A cancel that comes while the work ends is either refused, or the job is cancelled."""
    job, jobs = wire.job(), wire.client().fine_tuning.jobs
    wire.worker(f"{job.id}/begin")
    answer, _ = _at_once([lambda: jobs.cancel(job.id), lambda: wire.worker(f"{job.id}/end", reason="It is empty.")])
    if isinstance(answer, openai.APIStatusError):
        assert (answer.status_code, jobs.retrieve(job.id).status) == (409, "failed")
    else:
        assert eventually(lambda: jobs.retrieve(job.id).status == "cancelled")


def a_deleted_job_is_gone(wire: Wire) -> None:
    """A living job cannot be deleted; an ended one can, and is a 404 then."""
    client, job = wire.client(), wire.job()
    path = f"/fine_tuning/jobs/{job.id}"
    refused(openai.ConflictError, lambda: client.delete(path, cast_to=object), "conflict")
    client.fine_tuning.jobs.cancel(job.id)
    answer: Any = client.delete(path, cast_to=object)
    assert (answer["id"], answer["deleted"]) == (job.id, True)
    refused(openai.NotFoundError, lambda: client.fine_tuning.jobs.retrieve(job.id), "job_not_found")
