"""The log of webhooks, their tests, and what is never in it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from hooked import DAY, SECRET, SOON, hook, log_of, send
from receiving import Inbox
from standins import serving
from work import submit

from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.store.deliveries import ANNOUNCEMENTS, DELIVERIES, DUE
from services.api.application import create_app
from services.api.deliveries.sender import Sender


@pytest.fixture
def hooked_url(hooked: Context) -> Iterator[str]:
    with serving(create_app(hooked, reaping=False, count_waiting=lambda task: 0)) as url:
        yield url


def test_the_log_is_listed_and_narrowed_to_a_job(hooked: Context, hooked_url: str, inbox: Inbox) -> None:
    inbox.statuses = [503]
    for number in range(3):
        hooked.pipeline.cancel(submit(hooked, f"ftjob-{number}").id)
        send(hooked)
    with httpx.Client(base_url=f"{hooked_url}/v1/x", trust_env=False) as http:
        page = http.get("/webhook_deliveries", params={"limit": 2}).json()
        assert [delivery["job_id"] for delivery in page["data"]] == ["ftjob-2", "ftjob-1"]
        assert page["has_more"]
        rest = http.get("/webhook_deliveries", params={"after": page["last_id"]}).json()
        (first,) = rest["data"]
        assert first == http.get("/webhook_deliveries", params={"job": "ftjob-0"}).json()["data"][0]
        assert (first["state"], first["receiver"]) == ("pending", inbox.url)
        assert first["attempts"][0]["status_code"] == 503
        assert first["next_attempt_at"] > time.time()
        assert http.get("/notice_deliveries").json()["data"] == []
        assert "path-token" not in http.get("/webhook_deliveries").text


def test_a_test_is_sent_at_once_and_only_once(hooked: Context, hooked_url: str, inbox: Inbox) -> None:
    inbox.statuses = [200, 500]
    with httpx.Client(base_url=f"{hooked_url}/v1/x", trust_env=False) as http:
        (good,) = http.post("/webhook_deliveries").json()["data"]
        (bad,) = http.post("/webhook_deliveries", json={"type": "fine_tuning.job.failed"}).json()["data"]
        assert http.post("/webhook_deliveries", json={"type": "decision"}).json()["error"]["code"] == "invalid_request"
        assert http.post("/notice_deliveries").json()["error"]["code"] == "conflict"
    assert (good["state"], bad["state"]) == ("delivered", "given_up")
    client = openai.OpenAI(api_key="none", webhook_secret=SECRET)
    event = client.webhooks.unwrap(inbox.received[1].body, inbox.received[1].headers)
    assert (event.type, event.data.id) == ("fine_tuning.job.failed", "ftjob-test")
    assert send(hooked, DAY) == 0


def test_an_api_that_runs_sends_and_counts(context: Context, inbox: Inbox) -> None:
    hooked = hook(context, inbox.url)
    with serving(create_app(hooked, count_waiting=lambda task: 0)) as url:
        hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
        assert wait_until(lambda: hooked.store.deliveries.counts() == {"webhook/delivered": 1}, SOON)
        metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert 'scriptorium_deliveries_total{channel="webhook",result="delivered"} 1' in metrics
    assert 'scriptorium_deliveries_total{channel="notice",result="given_up"} 0' in metrics
    assert len(inbox.received) == 1


def test_no_secret_is_logged_or_stored(
    context: Context, inbox: Inbox, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    host = inbox.url.removeprefix("http://")
    hooked = hook(context, f"http://user:pass-word@{host}/path-token?key=query-token, http://127.0.0.1:1/path-token")
    inbox.statuses = [500]
    with caplog.at_level(logging.INFO):
        logging.getLogger("httpx").setLevel(logging.WARNING)  # as the API's process has it
        hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
        assert send(hooked) == 2
        assert send(hooked, 10) == 2
    assert inbox.received[0].path == "/path-token?key=query-token"
    assert "authorization" in inbox.received[0].headers
    stored = "".join(str(hooked.store.client.hgetall("scriptorium:deliveries")))
    text = caplog.text + stored + repr(hooked.settings)
    assert "delivered" in caplog.text
    assert [word for word in ("pass-word", "path-token", "query-token", SECRET, SECRET[6:]) if word in text] == []


def test_what_another_version_has_stored_stops_nothing(hooked: Context, inbox: Inbox) -> None:
    client = hooked.store.client
    client.rpush(ANNOUNCEMENTS, '{"id": "evt_1"}')
    client.hset(DELIVERIES, "dlv_1", "{}")
    client.zadd(DUE, {"dlv_1": 1, "dlv_2": 1})
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    assert send(hooked) == 1
    assert len(inbox.received) == 1
    assert client.zcard(DUE) == 0
    assert [delivery.announcement.job_id for delivery in log_of(hooked)] == ["ftjob-1"]


def test_the_log_stays_short(hooked: Context, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scriptorium.store.deliveries.MAX_DELIVERIES", 3)
    for number in range(6):
        hooked.pipeline.cancel(submit(hooked, f"ftjob-{number}").id)
        send(hooked)
    hooked.store.deliveries.trim()
    assert [delivery.announcement.job_id for delivery in log_of(hooked)] == ["ftjob-5", "ftjob-4", "ftjob-3"]


def test_a_sender_waits_for_a_store_that_is_away(hooked: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(hooked.store.deliveries, [])
    rounds: list[float] = []

    async def fall_asleep(pause: float) -> None:
        rounds.append(pause)
        if len(rounds) == 2:
            raise asyncio.CancelledError

    def is_away(*arguments: object) -> int:
        import redis

        raise redis.ConnectionError("away")

    monkeypatch.setattr("services.api.deliveries.sender.asyncio.sleep", fall_asleep)
    monkeypatch.setattr(hooked.store.deliveries, "take_up", is_away)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(sender.run())
    assert len(rounds) == 2
