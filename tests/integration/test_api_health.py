"""The headers of every response of the API, and its behaviour on failures."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from datetime import timedelta

import httpx
import openai
import pytest
from standins import BASE, Sent, serving
from work import SOON

from scriptorium.artifacts.file_store import FileStore
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.store import open_store
from services.api.application import create_app


def test_every_response_has_an_id_and_says_whether_to_repeat(http: httpx.Client) -> None:
    ids = {http.get(path).headers["x-request-id"] for path in ("/healthz", "/v1/files", "/nowhere", "/v1/files/none")}
    assert len(ids) == 4
    answer = http.get("/v1/nowhere")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (404, "false")
    assert set(answer.json()["error"]) >= {"message", "type", "param", "code", "next_step"}
    assert answer.json()["error"]["code"] == "not_found"
    assert http.put("/v1/models").status_code == 405


def test_json_that_is_too_large_or_none_is_refused(http: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"[" * 100_000 for _ in range(12))

    for path in ("/v1/fine_tuning/jobs", "/v1/chat/completions"):
        for content in (b"x" * (1 << 20) + b"x", endless(), b'{"model": ', b"[" * 100_000, b'"text"'):
            answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
            too_large = not isinstance(content, bytes) or len(content) > 1 << 20
            expected = (413, "request_too_large") if too_large else (400, "invalid_request")
            assert (answer.status_code, answer.json()["error"]["code"]) == expected


def test_an_unexpected_failure_is_a_decent_500(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(self: FileStore) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(FileStore, "newest", explode)
    with pytest.raises(openai.InternalServerError) as caught:
        client.files.list()
    assert caught.value.code == "internal_error"
    assert "secret" not in str(caught.value)
    assert caught.value.response.headers["x-request-id"] in caplog.text


def test_without_a_store_the_api_answers_and_says_so(context: Context, sent: Sent) -> None:
    store = open_store("unix:///nonexistent/redis.sock")
    without_store = Context(context.settings, store, context.volume, Pipeline(store, context.volume, send=sent))
    with (
        serving(create_app(without_store, count_waiting=sent.waiting)) as address,
        httpx.Client(base_url=address) as http,
    ):
        health = http.get("/healthz")
        assert (health.status_code, health.json()["status"], health.json()["store"]) == (503, "degraded", False)
        chat = http.post("/v1/chat/completions", json={"model": BASE})
        for answer in (http.get("/v1/fine_tuning/jobs"), http.get("/v1/models"), chat):
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert "scriptorium_store_up 0.0" in http.get("/metrics").text


def test_health_and_metrics(client: openai.OpenAI, http: httpx.Client, context: Context, book: str) -> None:
    assert http.get("/healthz").json()["status"] == "ok"
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    context.store.jobs.set_progress(job.id, {"step": 3, "train_loss": 2.5, "gradient_norm": float("nan")})
    context.store.leases.add_devices(["cpu:here"])
    context.store.leases.acquire("cpu:here", job.id, timedelta(seconds=5))
    http.get(f"/v1/files/{book}")
    lines = http.get("/metrics").text.splitlines()
    assert 'scriptorium_jobs{status="validating_files"} 1.0' in lines
    assert f'scriptorium_training_loss{{job_id="{job.id}"}} 2.5' in lines
    assert 'scriptorium_gpu_lease_held{holder="training"} 1.0' in lines
    assert 'scriptorium_queue_length{queue="trainer"} 0.0' in lines
    assert 'scriptorium_api_requests_total{method="GET",route="/v1/files/{file_id}",status="200"} 1.0' in lines


def test_the_reaper_runs_beside_the_api(context: Context, sent: Sent) -> None:
    settings = context.settings.model_copy(update={"reaper_interval": timedelta(seconds=0.05)})
    quick = Context(settings, context.store, context.volume, context.pipeline)
    with serving(create_app(quick, count_waiting=sent.waiting)) as address:
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
            file = client.files.create(file=io.BytesIO(b"x"), purpose="fine-tune")
            job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
        assert wait_until(lambda: sent.messages.count((PREPARE, job.id)) > 1, SOON)
    assert threading.active_count() < 50
