"""Retries: 5xx, timeouts and broken connections, before and after the API did its work, make exactly one of a thing."""

from __future__ import annotations

import time
from typing import Any

import openai

from tests.conformance.cases.wire import BASE, FaultyClient, Wire, refused, unique


def _create_through(wire: Wire, *faults: str, **options: Any) -> FaultyClient:
    """Create a job through a network with faults; check that there is exactly one, and that it was answered with."""
    faulty, book = wire.faulty(*faults, **options), wire.book()
    tag = {"tag": unique("tag")}
    job = faulty.api.fine_tuning.jobs.create(model=BASE, training_file=book, metadata=tag)
    assert [made.id for made in wire.client().fine_tuning.jobs.list(metadata=tag)] == [job.id]
    assert len(faulty.requests()) == len(faults)
    return faulty


def a_500_before_the_api_is_retried(wire: Wire) -> None:
    """A 500 that came instead of the API is retried: one job."""
    _create_through(wire, "before-500", "pass")


def a_500_after_the_api_makes_one_job(wire: Wire) -> None:
    """A 500 that hid the API's answer is retried: one job, not two."""
    _create_through(wire, "after-500", "pass")


def a_503_twice_is_retried_twice(wire: Wire) -> None:
    """Two 503 in a row are within the client's two retries: one job."""
    _create_through(wire, "after-503", "before-503", "pass")


def a_429_and_a_408_are_retried(wire: Wire) -> None:
    """429 and 408 are retried as well: one job."""
    _create_through(wire, "before-429", "after-408", "pass")


def a_connection_that_breaks_before_makes_one_job(wire: Wire) -> None:
    """A connection that breaks before the API saw the request: one job."""
    _create_through(wire, "before-break", "pass")


def a_connection_that_breaks_after_makes_one_job(wire: Wire) -> None:
    """A connection that breaks before the answer came: one job."""
    _create_through(wire, "after-break", "after-break", "pass")


def half_an_answer_makes_one_job(wire: Wire) -> None:
    """An answer that breaks off in the middle is retried or told; there is one job."""
    faulty, book = wire.faulty("half", "pass"), wire.book()
    tag = {"tag": unique("tag")}
    try:
        faulty.api.fine_tuning.jobs.create(model=BASE, training_file=book, metadata=tag)
    except Exception:  # noqa: BLE001  the client's own, or its HTTP library's: the user then repeats the call
        faulty.api.fine_tuning.jobs.create(model=BASE, training_file=book, metadata=tag)
    assert len(list(wire.client().fine_tuning.jobs.list(metadata=tag))) == 1


def a_timeout_before_the_api_makes_one_job(wire: Wire) -> None:
    """A request that timed out on its way is sent again: one job."""
    _create_through(wire, "before-silence", "pass", timeout=0.7)


def a_timeout_after_the_api_makes_one_job(wire: Wire) -> None:
    """A request whose answer came too late is sent again: one job."""
    _create_through(wire, "after-silence", "pass", timeout=0.7)


def a_network_that_stays_broken_is_told(wire: Wire) -> None:
    """After its retries the client raises; the user's next try finds the one job that was made."""
    book, tag = wire.book(), {"tag": unique("tag")}
    faulty = wire.faulty("after-503", "after-503", "after-503")
    refused(
        openai.InternalServerError,
        lambda: faulty.api.fine_tuning.jobs.create(model=BASE, training_file=book, metadata=tag),
    )
    made = [job.id for job in wire.client().fine_tuning.jobs.list(metadata=tag)]
    assert [faulty.api.fine_tuning.jobs.create(model=BASE, training_file=book, metadata=tag).id] == made


def a_key_holds_through_retries(wire: Wire) -> None:
    """With an Idempotency-Key of the user's the retries carry it, and it names one job."""
    book, key = wire.book(), unique("key")
    faulty = wire.faulty("after-break", "after-500", "pass")
    job = faulty.api.fine_tuning.jobs.create(
        model=BASE, training_file=book, suffix=unique("v"), extra_headers={"Idempotency-Key": key}
    )
    assert {request["idempotency-key"] for request in faulty.requests()} == {key}
    assert wire.client().fine_tuning.jobs.retrieve(job.id).id == job.id


def a_cancel_through_faults_is_a_cancel(wire: Wire) -> None:
    """A cancel whose answer was lost is repeated; the job is cancelled either way."""
    job, faulty = wire.job(), wire.faulty("after-break", "pass")
    try:
        assert faulty.api.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    except openai.ConflictError as error:
        assert "cancelled" in str(error)
    assert wire.client().fine_tuning.jobs.retrieve(job.id).status == "cancelled"


def a_pause_through_faults_is_a_pause(wire: Wire) -> None:
    """Pause and resume may be repeated: they answer with the job as it is."""
    job = wire.job()
    assert wire.faulty("after-500", "after-break", "pass").api.fine_tuning.jobs.pause(job.id).status == "paused"
    assert wire.faulty("after-503", "pass").api.fine_tuning.jobs.resume(job.id).status == "queued"


def reads_go_through_faults(wire: Wire) -> None:
    """A list is paged through a network with faults, and nothing is missing or twice."""
    tag, ids = wire.tagged(6)
    faulty = wire.faulty("before-503", "pass", "after-break", "pass", "half", "pass")
    try:
        listed = [job.id for job in faulty.api.fine_tuning.jobs.list(limit=2, metadata=tag)]
    except Exception:  # noqa: BLE001  older HTTP libraries tell half an answer instead of repeating the request
        listed = [job.id for job in faulty.api.fine_tuning.jobs.list(limit=2, metadata=tag)]
    assert listed == ids[::-1]


def an_upload_through_faults_is_whole(wire: Wire) -> None:
    """A file whose upload was repeated has its bytes, and its id is that of the answer."""
    content = unique("text").encode() * 1000
    faulty = wire.faulty("before-break", "after-503", "pass")
    file = faulty.api.files.create(file=("book.txt", content), purpose="fine-tune")
    assert wire.client().files.content(file.id).read() == content


def a_refusal_is_not_retried(wire: Wire) -> None:
    """`x-should-retry: false` on a 409 and on a 404 stops the client: one request."""
    job = wire.client().fine_tuning.jobs.cancel(wire.job().id)
    faulty = wire.faulty("pass")
    error = refused(openai.ConflictError, lambda: faulty.api.fine_tuning.jobs.cancel(job.id), "conflict")
    assert error.response.headers["x-should-retry"] == "false"
    refused(openai.NotFoundError, lambda: faulty.api.fine_tuning.jobs.retrieve("ftjob-none"))
    assert len(faulty.requests()) == 2


def a_cold_model_says_when_to_come_back(wire: Wire) -> None:
    """A model that is not served yet is a 503 with Retry-After, and without x-should-retry: false."""
    model = wire.worker("finished", suffix="cold")["model"]
    ask: Any = wire.client(timeout=20).chat.completions.create
    error = refused(openai.InternalServerError, lambda: ask(model=model, messages=[{"role": "user", "content": "x"}]))
    assert (error.status_code, error.code) == (503, "model_not_ready")
    assert int(error.response.headers["retry-after"]) >= 1
    assert error.response.headers.get("x-should-retry") != "false"


def a_retry_says_that_it_is_one(wire: Wire) -> None:
    """The API takes the client's own headers of retries as they come."""
    faulty = _create_through(wire, "before-500", "after-500", "pass")
    counts = [request.get("x-stainless-retry-count") for request in faulty.requests()]
    assert counts in (["0", "1", "2"], [None, "1", "2"])


def the_client_gives_up_in_time(wire: Wire) -> None:
    """A call with a timeout and without retries ends as APITimeoutError in about that time."""
    faulty = wire.faulty("before-silence", timeout=0.5, max_retries=0)
    started = time.monotonic()
    try:
        faulty.api.fine_tuning.jobs.list()
    except openai.APITimeoutError:
        assert time.monotonic() - started < 5
    else:
        raise AssertionError("it did not time out")
