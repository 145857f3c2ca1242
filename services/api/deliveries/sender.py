"""The sender: makes deliveries of what was announced and attempts those that are due, while the API runs.

Everything is in the store: a sender may be killed at any moment, and several may run. An announcement arrives at
least once, with the same id each time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

from scriptorium.contracts import Job
from scriptorium.contracts.delivery import (
    DELIVERY_PREFIX,
    EVENT_PREFIX,
    Announcement,
    AnnouncementType,
    Channel,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
)
from scriptorium.errors import Problem, StoreUnavailable
from scriptorium.identifiers import make_id
from scriptorium.jobs.runner import Context
from scriptorium.store.connection import store_errors
from scriptorium.store.deliveries import Deliveries
from services.api.deliveries.notice import open_services
from services.api.deliveries.receivers import TEST_JOB, Receiver, SendOutcome
from services.api.deliveries.webhook import Webhook

log = logging.getLogger(__name__)

T = TypeVar("T")
Clock = Callable[[], float]  # Unix seconds

RETRY_DELAYS = tuple(  # a receiver that is away for a night gets everything; all attempts take 23 hours
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 7200, 14_400, 28_800, 28_800)
)
MAX_DELIVERY_ATTEMPTS = len(RETRY_DELAYS) + 1
CLAIM_TIME = timedelta(minutes=1)  # far longer than an attempt takes
MAX_AGE = timedelta(days=1)  # what was announced before, while no API ran, is no news any more
MAX_CONCURRENT = 8  # attempts; a receiver is not flooded with what has gathered
POLL_INTERVAL = 1.0  # seconds
STORE_WAIT = 3.0  # seconds


class Sender:
    """Sends to the receivers of the settings."""

    def __init__(
        self,
        deliveries: Deliveries,
        receivers: Sequence[Receiver],
        problems: Sequence[Problem] = (),
        clock: Clock = time.time,
    ) -> None:
        self.receivers = {receiver.key: receiver for receiver in receivers}
        self.problems = problems  # of receivers that cannot be used
        self._deliveries = deliveries
        self._clock = clock

    async def run(self) -> None:
        """Send what is due, for ever."""
        while True:
            pause = STORE_WAIT
            try:
                pause = 0 if await self.send_due() == MAX_CONCURRENT else POLL_INTERVAL
            except StoreUnavailable as error:
                log.warning("the sender is waiting for the store: %s", error)
            except Exception:
                log.exception("a round of the sender failed")
            await asyncio.sleep(pause)

    async def send_due(self) -> int:
        """Take up what was announced and attempt deliveries that are due, some at once; return how many."""
        if await in_store(self._deliveries.take_up, self._make_deliveries):
            await in_store(self._deliveries.trim)
        claimed = await in_store(self._deliveries.claim, self._clock(), CLAIM_TIME, MAX_CONCURRENT)
        await asyncio.gather(*map(self._attempt, claimed))
        return len(claimed)

    async def test(self, channel: Channel, kind: AnnouncementType) -> list[Delivery]:
        """Send an announcement that belongs to no job to every receiver of a channel, once; return what came of it."""
        announcement = Announcement(id=make_id(EVENT_PREFIX), type=kind, created_at=int(self._clock()), job_id=TEST_JOB)
        made = self._make_deliveries(announcement)
        deliveries = [
            delivery.model_copy(update={"begun": MAX_DELIVERY_ATTEMPTS})
            for delivery in made
            if delivery.channel is channel
        ]
        return list(await asyncio.gather(*map(self._attempt, deliveries)))

    def _make_deliveries(self, announcement: Announcement) -> list[Delivery]:
        now = self._clock()
        if now - announcement.created_at > MAX_AGE.total_seconds():
            log.warning("%s of %s is too old to be sent", announcement.type, announcement.job_id)
            return []
        return [
            Delivery(
                id=make_id(DELIVERY_PREFIX, now),
                channel=receiver.channel,
                announcement=announcement,
                receiver_key=receiver.key,
                receiver=receiver.name,
                created_at=int(now),
                next_attempt_at=now,
            )
            for receiver in self.receivers.values()
            if receiver.channel.carries(announcement.type)
        ]

    async def _attempt(self, delivery: Delivery) -> Delivery:
        started = self._clock()
        outcome = await self._send(delivery)
        settled, result = settle(delivery, outcome, started, self._clock())
        await in_store(self._deliveries.record, settled, result)
        log_outcome(settled, outcome)
        return settled

    async def _send(self, delivery: Delivery) -> SendOutcome:
        receiver = self.receivers.get(delivery.receiver_key)
        if receiver is None:
            return SendOutcome(problem="The receiver is no longer among the settings.", final=True)
        if delivery.begun > MAX_DELIVERY_ATTEMPTS:
            return SendOutcome(problem="The attempts ended without an outcome.", final=True)
        return await receiver.send(delivery.announcement)


def settle(delivery: Delivery, outcome: SendOutcome, started: float, ended: float) -> tuple[Delivery, str]:
    """Return a delivery after an attempt, and the attempt's result: delivered, failed or given_up."""
    attempt = DeliveryAttempt(created_at=int(started), status_code=outcome.status_code, problem=outcome.problem)
    changes: dict[str, object] = {"attempts": [*delivery.attempts, attempt], "next_attempt_at": None}
    if outcome.problem is None:
        return delivery.model_copy(update={**changes, "state": DeliveryState.DELIVERED}), "delivered"
    if outcome.final or delivery.begun >= MAX_DELIVERY_ATTEMPTS:
        return delivery.model_copy(update={**changes, "state": DeliveryState.GIVEN_UP}), "given_up"
    changes["next_attempt_at"] = ended + RETRY_DELAYS[delivery.begun - 1].total_seconds()
    return delivery.model_copy(update=changes), "failed"


def log_outcome(delivery: Delivery, outcome: SendOutcome) -> None:
    """Log what an attempt came to; nothing of it is a secret."""
    what = f"{delivery.channel} {delivery.announcement.type} of {delivery.announcement.job_id} to {delivery.receiver}"
    if outcome.problem is None:
        log.info("%s: delivered", what)
    elif delivery.state is DeliveryState.GIVEN_UP:
        log.warning("%s: given up: %s", what, outcome.problem)
    else:
        log.warning("%s: tried again later: %s", what, outcome.problem)


def open_sender(context: Context, clock: Clock = time.time) -> Sender:
    """Open the sender of the settings; a notice's address that cannot be used is logged, by its place."""
    settings, store = context.settings, context.store
    webhooks = [
        Webhook(url, settings.webhook_secret, allow_private=settings.webhook_private) for url in settings.webhook_urls
    ]

    def find_job(job_id: str) -> Job:
        with store_errors():
            return store.jobs.get(job_id)

    services, problems = open_services(settings.notices, find_job, settings.pages_url)
    for problem in problems:
        log.error("%s", problem)
    return Sender(store.deliveries, [*webhooks, *services], problems, clock)


async def in_store(call: Callable[..., T], *arguments: object) -> T:
    """Call the store in a thread. Raises StoreUnavailable."""

    def run() -> T:
        with store_errors():
            return call(*arguments)

    return await run_in_threadpool(run)
