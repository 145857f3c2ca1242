"""A job's events, paged by the unmodified `openai` client and followed as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from standins import BASE

from scriptorium.contracts import Event, Level, Status
from scriptorium.jobs.runner import Context


def read_frames(response: httpx.Response) -> Iterator[dict[str, str]]:
    """Yield the server-sent events of a response."""
    for block in "".join(response.iter_text()).split("\n\n"):
        lines = [line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":")]
        if lines:
            yield {line[0]: line[1] for line in lines}


def test_events_are_paged_newest_first(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    for number in range(5):
        context.store.events.append(job.id, Event(created_at=1, level=Level.WARN, message=str(number)))
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
    assert [event.message for event in events] == ["4", "3", "2", "1", "0", f"Created fine-tuning job: {job.id}"]
    assert (events[0].object, events[0].level, events[0].type) == ("fine_tuning.job.event", "warn", "message")
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.list_events(job.id, after="ftevent-99999999999999999999999-0")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "after")


def test_a_followed_job_is_streamed_from_the_beginning_to_the_end(
    client: openai.OpenAI, http: httpx.Client, context: Context, book: str
) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)

    def live() -> None:
        time.sleep(0.5)
        context.store.events.append(job.id, Event(created_at=1, message="zwölf", data={"loss": float("nan")}))
        context.store.jobs.update(job.id, lambda job: job.model_copy(update={"status": Status.SUCCEEDED}))
        time.sleep(0.1)
        context.store.events.append(job.id, Event(created_at=1, message="last words"))

    with (
        ThreadPoolExecutor(1) as pool,
        http.stream(
            "GET", f"/v1/fine_tuning/jobs/{job.id}/events", headers={"Accept": "text/event-stream"}
        ) as response,
    ):
        pool.submit(live)
        assert response.headers["content-type"].startswith("text/event-stream")
        frames = list(read_frames(response))
    assert frames[-1]["event"] == "done"
    events = [json.loads(frame["data"]) for frame in frames[:-1]]
    assert [event["message"] for event in events] == [f"Created fine-tuning job: {job.id}", "zwölf", "last words"]
    assert events[1]["data"] == {"loss": None}  # JSON has no NaN
    assert [frame["id"] for frame in frames[:-1]] == [event["id"] for event in events]


def test_a_follower_goes_on_where_it_was_cut_off(
    client: openai.OpenAI, http: httpx.Client, context: Context, book: str
) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    ids = [context.store.events.append(job.id, Event(created_at=1, message=str(number))) for number in range(600)]
    client.fine_tuning.jobs.cancel(job.id)
    address = f"/v1/fine_tuning/jobs/{job.id}/events?stream=true"
    with http.stream("GET", address, headers={"Last-Event-ID": ids[1]}) as response:
        frames = list(read_frames(response))
    assert [json.loads(frame["data"])["message"] for frame in frames[:-1]] == [
        *map(str, range(2, 600)),
        "The job was cancelled.",
    ]
    assert http.get(address, headers={"Last-Event-ID": "5"}).json()["error"]["param"] == "Last-Event-ID"


def test_before_the_first_event_there_is_none(http: httpx.Client, client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert client.fine_tuning.jobs.list_events(job.id, after="ftevent-0-0").data == []
    answer = http.get(f"/v1/fine_tuning/jobs/{job.id}/events", headers={"Last-Event-ID": "5"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Last-Event-ID")


def test_a_silent_stream_is_kept_alive(
    client: openai.OpenAI, http: httpx.Client, book: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.fine_tuning.events.KEEP_ALIVE_INTERVAL", 0.1)
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    with http.stream("GET", f"/v1/fine_tuning/jobs/{job.id}/events?stream=true") as response:
        assert any(line.startswith(":") for line in response.iter_lines())


def test_events_of_no_job_are_not_found(http: httpx.Client) -> None:
    for query in ("", "?stream=true"):
        answer = http.get(f"/v1/fine_tuning/jobs/ftjob-none/events{query}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")
