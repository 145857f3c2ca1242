"""Notices to people, sent by the real Apprise to a real HTTP server: what they say, and when."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import time
from collections.abc import Iterator

import httpx
import pytest
from receiving import Inbox, receiving
from standins import serving
from test_webhooks import fail, send, succeed
from work import submit

from scriptorium.contracts import Decision, DecisionKind, Option, Phase
from scriptorium.contracts.delivery import DeliveryState
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.runner import Context, claim
from scriptorium.jobs.steering import pause_job
from services.api.application import create_app
from services.api.deliveries.sender import open_sender

QUESTION = Decision(
    kind=DecisionKind.DISK_FULL,
    question="How shall it go on?",
    reason="There is no space left.",
    options=[Option(name="go_on", meaning="try again"), Option(name="stop", meaning="end the job")],
    recommended="go_on",
)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as inbox:
        inbox.statuses = [200] * 10  # Apprise takes 200 alone for its JSON
        yield inbox


@pytest.fixture
def noticed(context: Context, inbox: Inbox) -> Context:
    return notify(context, f"json://user:pass-word@{host(inbox)}/path-token")


def notify(context: Context, addresses: str) -> Context:
    changes = {"notices": addresses, "public_url": "https://books.example/"}
    return dataclasses.replace(context, settings=context.settings.model_copy(update=changes))


def host(inbox: Inbox) -> str:
    return inbox.url.removeprefix("http://")


def texts(inbox: Inbox) -> list[tuple[str, str]]:
    bodies = [json.loads(hook.body) for hook in inbox.received]
    return [(body["title"], body["message"]) for body in bodies]


def ask(context: Context, job_id: str) -> None:
    lease = claim(context, job_id, Phase.PREPARE)
    assert lease
    context.pipeline.ask(job_id, Phase.PREPARE, lease.token, QUESTION)
    context.store.leases.release(lease)


def test_each_end_is_told_in_plain_words_with_the_next_step(noticed: Context, inbox: Inbox) -> None:
    succeed(noticed, submit(noticed, "ftjob-1"))
    send(noticed)
    fail(noticed, submit(noticed, "ftjob-2"))
    send(noticed)
    noticed.pipeline.cancel(submit(noticed, "ftjob-3").id)
    send(noticed)
    ready, failed, cancelled = texts(inbox)
    assert ready[0] == "ftjob-1: the model is ready"
    assert "ft:x" in ready[1]
    assert "https://books.example/jobs/ftjob-1/report" in ready[1]
    assert failed[0] == "ftjob-2: failed"
    assert "No space." in failed[1]
    assert "https://books.example/jobs/ftjob-2\n" in failed[1]
    assert cancelled[0] == "ftjob-3: cancelled"


def test_a_fault_that_pauses_a_job_is_told_with_the_commands_that_answer_it(noticed: Context, inbox: Inbox) -> None:
    ask(noticed, submit(noticed, "ftjob-1").id)
    send(noticed)
    ((title, text),) = texts(inbox)
    assert title == "ftjob-1: paused by a fault"
    assert text.startswith("How shall it go on? There is no space left.")
    assert "try again (recommended): scriptorium decide ftjob-1 go_on" in text
    assert "/jobs/ftjob-1\n" in text
    send(noticed, 60)
    assert len(inbox.received) == 1


def test_a_question_that_is_asked_again_is_told_again(noticed: Context, inbox: Inbox) -> None:
    job = submit(noticed, "ftjob-1")
    for _ in range(2):
        ask(noticed, job.id)
        send(noticed)
        noticed.pipeline.answer(job.id, DecisionKind.DISK_FULL, "go_on")
    assert len(inbox.received) == 2
    assert len({delivery.announcement.id for delivery in noticed.store.deliveries.all()}) == 2


def test_a_users_own_pause_is_no_news(noticed: Context, inbox: Inbox) -> None:
    pause_job(noticed.pipeline, submit(noticed, "ftjob-1").id)
    assert send(noticed) == 0


def test_a_notice_that_nobody_needs_any_more_is_not_sent(noticed: Context, inbox: Inbox) -> None:
    answered, deleted = submit(noticed, "ftjob-1"), submit(noticed, "ftjob-2")
    ask(noticed, answered.id)
    noticed.pipeline.answer(answered.id, DecisionKind.DISK_FULL, "go_on")
    noticed.pipeline.cancel(deleted.id)
    delete_job(noticed, deleted.id)
    assert send(noticed) == 2
    assert inbox.received == []
    assert {delivery.state for delivery in noticed.store.deliveries.all()} == {DeliveryState.GIVEN_UP}


def test_a_question_goes_to_people_and_not_to_webhooks(noticed: Context, inbox: Inbox) -> None:
    changes = {"webhook_url": f"{inbox.url}/hook", "webhook_private": True}
    both = dataclasses.replace(noticed, settings=noticed.settings.model_copy(update=changes))
    ask(both, submit(both, "ftjob-1").id)
    assert send(both) == 1
    assert [hook.path for hook in inbox.received] == ["/path-token"]


def test_a_service_that_is_away_is_tried_again_and_nothing_secret_is_shown(
    context: Context, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    address = host(inbox)
    noticed = notify(
        context, f"json://user:pass-word@{address}/path-token, ntfy://ntfy-user:ntfy-word@{address}/topic-x"
    )
    inbox.statuses = [500, 500]
    with caplog.at_level(logging.INFO):
        noticed.pipeline.cancel(submit(noticed, "ftjob-1").id)
        assert send(noticed) == 2
        inbox.statuses = [200, 200]
        assert send(noticed, 10) == 2
    deliveries = noticed.store.deliveries.all()
    assert {delivery.receiver for delivery in deliveries} == {"JSON", "ntfy"}
    assert {delivery.state for delivery in deliveries} == {DeliveryState.DELIVERED}
    assert {delivery.attempts[0].problem for delivery in deliveries} == {
        "JSON did not take the notice.",
        "ntfy did not take the notice.",
    }
    stored = "".join(delivery.model_dump_json() for delivery in deliveries)
    shown = caplog.text + stored + repr(noticed.settings)
    secrets = ("pass-word", "path-token", "ntfy-word", "ntfy-user", "topic-x")
    assert [word for word in secrets if word in shown] == []


def test_a_slow_service_does_not_hold_up_the_loop(noticed: Context, inbox: Inbox) -> None:
    inbox.statuses = [None]
    noticed.pipeline.cancel(submit(noticed, "ftjob-1").id)
    ticks = 0

    async def count_ticks() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    async def both() -> None:
        counting = asyncio.create_task(count_ticks())
        await open_sender(noticed).send_due()
        counting.cancel()

    started = time.monotonic()
    asyncio.run(both())
    seconds = time.monotonic() - started
    assert seconds < 25
    assert ticks > seconds * 4
    assert noticed.store.deliveries.all()[0].state is DeliveryState.PENDING


def test_notices_are_tested_and_an_address_that_apprise_does_not_know_is_named_by_its_place(
    context: Context, noticed: Context, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(create_app(noticed, reaping=False, count_waiting=lambda task: 0)) as url:
        (delivery,) = httpx.post(f"{url}/v1/x/notice_deliveries", trust_env=False).json()["data"]
        listed = httpx.get(f"{url}/v1/x/notice_deliveries", trust_env=False).json()["data"]
    assert (delivery["state"], delivery["object"], delivery["receiver"]) == ("delivered", "notice.delivery", "JSON")
    assert listed == [delivery]
    assert texts(inbox)[0][0] == "Scriptorium: a test"
    wrong = notify(context, f"json://{host(inbox)}/x, nonsense://hidden-word")
    with serving(create_app(wrong, reaping=False, count_waiting=lambda task: 0)) as url:
        error = httpx.post(f"{url}/v1/x/notice_deliveries", trust_env=False).json()["error"]
    assert error["code"] == "conflict"
    assert "address 2" in error["message"]
    assert "hidden-word" not in error["message"] + caplog.text
