"""One job for one request: repeated, repeated after a cancel, and repeated after the API died in the middle."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
from standins import BASE, Sent
from work import prepare

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, JobError, Phase, Status
from scriptorium.errors import Conflict, DiskFull
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.jobs.steering import cancel_job
from services.api.fine_tuning.create_job import create_job


class Died(BaseException):
    """The API's process ended here."""


class FragileVolume(Volume):
    """A volume whose process dies before or after it saves a job, or that is full."""

    moment: str = ""

    def save_job(self, job: Job) -> Job:
        if self.moment == "full":
            raise DiskFull("There is no space left on the volume.")
        if self.moment == "before":
            raise Died
        saved = super().save_job(job)
        if self.moment == "after":
            raise Died
        return saved


def fragile(context: Context, moment: str) -> Context:
    """Return the context of a process that dies at a moment: before or after saving, or when it sends."""

    def die(task: str, job_id: str) -> None:
        raise Died

    volume = FragileVolume(context.volume.root, context.volume.models)
    volume.moment = moment
    return Context(context.settings, context.store, volume, Pipeline(context.store, volume, send=die))


@pytest.fixture
def body(context: Context) -> dict[str, Any]:
    """Return the body of a request."""
    file = FileStore(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
    return {"model": BASE, "training_file": file.id}


def fail(context: Context, job_id: str) -> None:
    """End a job with an error."""
    lease = claim(context, job_id, Phase.PREPARE)
    assert lease is not None
    context.pipeline.fail(job_id, Phase.PREPARE, lease.token, JobError(code="out_of_memory", message="x"))


def cancel_with_a_worker(context: Context, job_id: str) -> None:
    """Cancel a job whose worker has not noticed yet."""
    assert claim(context, job_id, Phase.PREPARE) is not None
    assert cancel_job(context.pipeline, job_id).status is Status.VALIDATING


@pytest.mark.parametrize(
    "end", [lambda context, job_id: cancel_job(context.pipeline, job_id), cancel_with_a_worker, fail]
)
def test_a_job_that_failed_or_was_cancelled_is_no_answer_to_a_new_request(
    context: Context, body: dict[str, Any], end: Any
) -> None:
    first = create_job(body, context, None)
    assert create_job(body, context, None).id == first.id
    end(context, first.id)
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: create_job(body, context, None), range(8)))
    assert len({job.id for job in jobs} | {first.id}) == 2
    assert sorted(context.store.jobs.index.ids()) == sorted({first.id, jobs[0].id})


def test_a_key_names_one_job_whatever_became_of_it(context: Context, body: dict[str, Any]) -> None:
    first = create_job(body, context, "key")
    cancel_job(context.pipeline, first.id)
    again = create_job(body, context, "key")
    assert (again.id, again.status) == (first.id, Status.CANCELLED)
    with pytest.raises(Conflict):
        create_job({**body, "suffix": "other"}, context, "key")


@pytest.mark.parametrize("moment", ["before", "after", "send"])
def test_a_process_that_dies_makes_no_second_job_and_loses_none(
    context: Context, body: dict[str, Any], sent: Sent, moment: str
) -> None:
    with pytest.raises(Died):
        create_job(body, fragile(context, moment), None)
    job = create_job(body, context, None)
    restore_jobs(context)
    assert context.store.jobs.index.ids() == [job.id]
    if not sent.messages:
        assert reap(context, sent.waiting) == [job.id]
    assert sent.messages == [(PREPARE, job.id)]
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert [saved.id for saved in context.volume.saved_jobs()] == [job.id]


@pytest.mark.parametrize("key", [None, "key"])
def test_a_job_whose_record_finds_no_space_fails_and_the_next_request_makes_another(
    context: Context, body: dict[str, Any], sent: Sent, key: str | None
) -> None:
    with pytest.raises(DiskFull):
        create_job(body, fragile(context, "full"), key)
    (refused,) = context.store.jobs.iterate()
    assert refused.status is Status.FAILED
    assert refused.error is not None
    assert refused.error.code == "disk_full"
    assert reap(context, sent.waiting) == sent.messages == []
    assert create_job(body, context, key).id != refused.id


def test_a_request_that_is_repeated_after_a_cancel_over_http(client: openai.OpenAI, book: str) -> None:
    first = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    client.fine_tuning.jobs.cancel(first.id)
    second = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert second.id != first.id
    assert second.status == "validating_files"
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book).id == second.id
