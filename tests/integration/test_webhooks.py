"""Webhooks of jobs that end: signed as the openai client verifies them, tried again until they arrive, never doubled.

A real store, real HTTP, and senders that are killed, compete, and meet receivers that fail.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest
from hooked import DAY, SECRET, SOON, fail, hook, log_of, send, succeed
from receiving import Inbox, receiving
from work import submit

from scriptorium.contracts import Status
from scriptorium.contracts.delivery import DeliveryState
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.store.deliveries import DUE
from scriptorium.webhook_signature import make_secret
from services.api.deliveries import webhook
from services.api.deliveries.sender import CLAIM_TIME, RETRY_DELAYS, open_sender


def test_the_openai_client_verifies_the_event_of_each_end(hooked: Context, inbox: Inbox) -> None:
    jobs = [submit(hooked, f"ftjob-{number}") for number in range(3)]
    succeed(hooked, jobs[0])
    fail(hooked, jobs[1])
    hooked.pipeline.cancel(jobs[2].id)
    assert send(hooked) == 3
    client = openai.OpenAI(api_key="none", webhook_secret=SECRET)
    events = [client.webhooks.unwrap(hook.body, hook.headers) for hook in inbox.received]
    assert {(event.type, event.data.id) for event in events} == {
        ("fine_tuning.job.succeeded", "ftjob-0"),
        ("fine_tuning.job.failed", "ftjob-1"),
        ("fine_tuning.job.cancelled", "ftjob-2"),
    }
    assert all(event.object == "event" for event in events)
    assert sorted(event.id for event in events) == sorted(inbox.ids)
    finished = {job.id: hooked.store.jobs.get(job.id).finished_at for job in jobs}
    assert {event.data.id: event.created_at for event in events} == finished
    other = openai.OpenAI(api_key="none", webhook_secret=make_secret())
    with pytest.raises(openai.InvalidWebhookSignatureError):
        other.webhooks.unwrap(inbox.received[0].body, inbox.received[0].headers)


def test_nothing_is_sent_before_a_job_ends_or_twice_after(hooked: Context, inbox: Inbox) -> None:
    job = submit(hooked, "ftjob-1")
    assert send(hooked) == 0
    hooked.pipeline.cancel(job.id)
    hooked.pipeline.cancel(job.id)
    assert (send(hooked), send(hooked, DAY)) == (1, 0)
    assert len(inbox.received) == 1


def test_a_receiver_that_fails_gets_the_same_id_again_with_a_fresh_signature(hooked: Context, inbox: Inbox) -> None:
    inbox.statuses = [500, 429, 301]
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    later = 0.0
    assert send(hooked) == 1
    for delay in RETRY_DELAYS[:3]:
        assert send(hooked, later + delay.total_seconds() - 3) == 0, "not before it is due"
        later += delay.total_seconds() + 1
        assert send(hooked, later) == 1
    (delivery,) = log_of(hooked)
    assert delivery.state is DeliveryState.DELIVERED
    assert [attempt.status_code for attempt in delivery.attempts] == [500, 429, 301, 204]
    assert "redirects are not followed" in str(delivery.attempts[2].problem)
    assert len(inbox.received) == 4
    assert set(inbox.ids) == {delivery.announcement.id}
    assert {received.path for received in inbox.received} == {"/hooks/path-token"}
    client = openai.OpenAI(api_key="none", webhook_secret=SECRET)
    for received in inbox.received:
        client.webhooks.verify_signature(received.body, received.headers)
    assert send(hooked, DAY) == 0


def test_a_receiver_that_is_gone_is_left_alone(hooked: Context, inbox: Inbox) -> None:
    inbox.statuses = [410]
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    assert (send(hooked), send(hooked, DAY)) == (1, 0)
    (delivery,) = log_of(hooked)
    assert (delivery.state, delivery.next_attempt_at) == (DeliveryState.GIVEN_UP, None)
    assert len(inbox.received) == 1


def test_a_receiver_that_is_never_there_is_given_up_after_a_day(context: Context) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        hooked = hook(context, f"http://127.0.0.1:{taken.getsockname()[1]}/path-token")
        hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
        rounds = [send(hooked, day * DAY) for day in range(len(RETRY_DELAYS) + 3)]
    assert sum(rounds) == len(RETRY_DELAYS) + 1
    (delivery,) = log_of(hooked)
    assert delivery.state is DeliveryState.GIVEN_UP
    assert "cannot be reached" in str(delivery.attempts[-1].problem)
    assert 22 * 3600 < sum(delay.total_seconds() for delay in RETRY_DELAYS) < DAY
    counts = context.store.deliveries.counts()
    assert counts == {"webhook/failed": len(RETRY_DELAYS), "webhook/given_up": 1}


def test_a_receiver_that_does_not_answer_is_not_waited_for(
    hooked: Context, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.3)
    inbox.statuses = [None]
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    started = time.monotonic()
    send(hooked)
    assert time.monotonic() - started < 5
    assert "no answer" in str(log_of(hooked)[0].attempts[0].problem)


def test_two_senders_at_once_send_each_event_once(hooked: Context, inbox: Inbox) -> None:
    for number in range(20):
        hooked.pipeline.cancel(submit(hooked, f"ftjob-{number}").id)
    gate = threading.Barrier(2)

    def run() -> None:
        gate.wait(10)
        while send(hooked):
            pass

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(inbox.ids) == len(set(inbox.ids)) == 20
    assert all(delivery.state is DeliveryState.DELIVERED for delivery in log_of(hooked))


SENDER = """
import asyncio, sys
from scriptorium.jobs.runner import open_context
from services.api.deliveries.sender import open_sender
asyncio.run(open_sender(open_context()).send_due())
"""


def test_a_sender_that_is_killed_while_it_sends_loses_nothing(hooked: Context, inbox: Inbox) -> None:
    inbox.statuses = [None]
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    settings = hooked.settings
    environment = {
        **os.environ,
        "SCRIPTORIUM_REDIS_URL": settings.redis_url,
        "SCRIPTORIUM_DATA_DIR": str(settings.data_dir),
        "SCRIPTORIUM_WEBHOOK_URL": settings.webhook_url,
        "SCRIPTORIUM_WEBHOOK_SECRET": SECRET,
        "SCRIPTORIUM_WEBHOOK_PRIVATE": "true",
    }
    with subprocess.Popen([sys.executable, "-c", SENDER], env=environment) as process:
        assert wait_until(lambda: len(inbox.received) == 1, SOON)
        process.send_signal(signal.SIGKILL)
    assert send(hooked) == 0, "claimed until somebody misses the sender"
    assert send(hooked, CLAIM_TIME.total_seconds() + 1) == 1
    assert len(inbox.ids) == 2
    assert len(set(inbox.ids)) == 1
    (delivery,) = log_of(hooked)
    assert (delivery.state, delivery.begun, len(delivery.attempts)) == (DeliveryState.DELIVERED, 2, 1)


def test_a_delivery_whose_senders_always_die_ends(hooked: Context, inbox: Inbox) -> None:
    hooked.pipeline.cancel(submit(hooked, "ftjob-1").id)
    store, sender = hooked.store.deliveries, open_sender(hooked)
    store.take_up(sender._make_deliveries)
    for attempt in range(len(RETRY_DELAYS) + 1):
        assert store.claim(time.time() + attempt * 120, CLAIM_TIME, 1)  # and nothing is recorded
    assert send(hooked, DAY) == 1
    assert log_of(hooked)[0].state is DeliveryState.GIVEN_UP
    assert inbox.received == []
    assert hooked.store.client.zcard(DUE) == 0


def test_a_worker_without_the_settings_announces_and_the_api_sends(
    context: Context, hooked: Context, inbox: Inbox
) -> None:
    context.pipeline.cancel(submit(context, "ftjob-1").id)
    assert send(hooked) == 1
    assert len(inbox.received) == 1


def test_without_receivers_nothing_is_kept_for_later(context: Context, hooked: Context, inbox: Inbox) -> None:
    context.pipeline.cancel(submit(context, "ftjob-1").id)
    assert send(context) == send(hooked) == 0
    assert inbox.received == []


def test_news_of_last_week_is_not_sent(hooked: Context, inbox: Inbox) -> None:
    job = submit(hooked, "ftjob-1")
    ended = {"status": Status.CANCELLED, "finished_at": int(time.time()) - 7 * DAY}
    hooked.store.jobs.update(job.id, lambda record: record.model_copy(update=ended))
    assert send(hooked) == 0
    assert inbox.received == []


def test_each_of_several_webhooks_gets_the_event_and_a_removed_one_is_given_up(context: Context, inbox: Inbox) -> None:
    both = hook(context, f"{inbox.url}/one, {inbox.url}/two")
    inbox.statuses = [500, 500]
    both.pipeline.cancel(submit(both, "ftjob-1").id)
    assert send(both) == 2
    assert send(hook(context, f"{inbox.url}/two"), 60) == 2
    assert sorted(hook.path for hook in inbox.received) == ["/one", "/two", "/two"]
    assert len(set(inbox.ids)) == 1
    assert {delivery.state for delivery in log_of(context)} == {DeliveryState.DELIVERED, DeliveryState.GIVEN_UP}


def test_a_store_that_is_restored_announces_nothing_anew(hooked: Context, inbox: Inbox) -> None:
    job = submit(hooked, "ftjob-1")
    hooked.pipeline.cancel(job.id)
    send(hooked)
    hooked.store.client.flushdb()
    assert restore_jobs(hooked) == [job.id]
    assert send(hooked) == 0


def test_a_store_that_lost_the_end_announces_it_with_the_same_id(hooked: Context, inbox: Inbox) -> None:
    job = submit(hooked, "ftjob-1")
    before = hooked.store.jobs.get(job.id)
    hooked.pipeline.cancel(job.id)
    send(hooked)
    hooked.store.client.set(f"scriptorium:job:{job.id}", before.model_dump_json())
    assert restore_jobs(hooked) == [job.id]
    assert send(hooked) == 1
    assert len(inbox.ids) == 2
    assert len(set(inbox.ids)) == 1


def test_a_deleted_jobs_event_still_arrives(hooked: Context, inbox: Inbox) -> None:
    job = submit(hooked, "ftjob-1")
    hooked.pipeline.cancel(job.id)
    delete_job(hooked, job.id)
    assert send(hooked) == 1
    assert len(inbox.received) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x"])
def test_this_machine_is_refused_unless_it_is_wanted(url: str, context: Context, inbox: Inbox) -> None:
    address = url.format(port=inbox.url.rpartition(":")[2])
    refusing = hook(context, address, private=False)
    refusing.pipeline.cancel(submit(refusing, "ftjob-1").id)
    send(refusing)
    assert inbox.received == []
    assert "SCRIPTORIUM_WEBHOOK_PRIVATE" in str(log_of(context)[0].attempts[0].problem)
    send(hook(context, address), 10)
    assert len(inbox.received) == 1
    assert inbox.received[0].headers["host"] == address.split("/")[2]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Return the server's side of a certificate for localhost, which clients here trust."""
    if shutil.which("openssl") is None:
        pytest.skip("NOT CHECKED: there is no openssl to make a certificate")
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    line += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)]
    subprocess.run(line, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    return context


def test_a_receiver_has_to_have_the_certificate_of_its_name(context: Context, certificate: ssl.SSLContext) -> None:
    with receiving(certificate) as inbox:
        port = inbox.url.rpartition(":")[2]
        impostor = hook(context, f"https://127.0.0.1:{port}/x")
        impostor.pipeline.cancel(submit(impostor, "ftjob-1").id)
        send(impostor)
        assert inbox.received == []
        assert "IP address mismatch" in str(log_of(context)[0].attempts[0].problem)
        named = hook(context, f"https://localhost:{port}/x")
        named.pipeline.cancel(submit(named, "ftjob-2").id)
        send(named)
        assert [hook.headers["host"] for hook in inbox.received] == [f"localhost:{port}"]
