"""Announcements and their deliveries. What is announced is queued in the transaction that changes a job's record.

A delivery is claimed for a while: of several senders one makes the attempt, and if that one dies, the delivery is due
again when the claim has run out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import redis
from pydantic import ValidationError

from scriptorium.contracts import Contract, Job
from scriptorium.contracts.delivery import Announcement, Delivery, DeliveryState, announce
from scriptorium.store.transaction import compare_and_set

log = logging.getLogger(__name__)

ContractT = TypeVar("ContractT", bound=Contract)

ANNOUNCEMENTS = "scriptorium:announcements"  # a list: what no sender has taken up yet, oldest first
DELIVERIES = "scriptorium:deliveries"  # a hash: the log, by id
DUE = "scriptorium:deliveries:due"  # a sorted set: those that have not ended, by the time of their next attempt
COUNTS = "scriptorium:deliveries:counts"  # a hash: attempts by "channel/result", since the store was made
MAX_ANNOUNCEMENTS = 10_000
MAX_DELIVERIES = 1_000  # of those that have ended; older ones leave the log
ANNOUNCEMENTS_PER_READ = 50


def queue_announcement(pipe: Any, before: Job, after: Job) -> None:
    """Queue the announcement of a record's change, if there is anything to announce."""
    if announcement := announce(before, after):
        pipe.rpush(ANNOUNCEMENTS, announcement.model_dump_json())
        pipe.ltrim(ANNOUNCEMENTS, -MAX_ANNOUNCEMENTS, -1)


class Deliveries:
    """The announcements and deliveries of this deployment."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def take_up(self, make: Callable[[Announcement], Sequence[Delivery]]) -> int:
        """Make the deliveries of the oldest announcements; return how many announcements there were."""

        def apply(pipe: Any) -> int:
            bodies: list[str] = pipe.lrange(ANNOUNCEMENTS, 0, ANNOUNCEMENTS_PER_READ - 1)
            announcements = read_bodies(Announcement, bodies)
            deliveries = [delivery for announcement in announcements for delivery in make(announcement)]
            pipe.multi()
            for delivery in deliveries:
                _queue_write(pipe, delivery)
            if bodies:
                pipe.ltrim(ANNOUNCEMENTS, len(bodies), -1)
            return len(bodies)

        return compare_and_set(self._client, apply, ANNOUNCEMENTS)

    def claim(self, now: float, patience: timedelta, limit: int) -> list[Delivery]:
        """Claim deliveries that are due at `now`, in Unix seconds: until `patience` is over nobody else gets them.

        The attempt that begins is counted.
        """

        def apply(pipe: Any) -> list[Delivery]:
            ids: list[str] = pipe.zrangebyscore(DUE, "-inf", now, start=0, num=limit)
            due = read_bodies(Delivery, pipe.hmget(DELIVERIES, ids) if ids else [])
            pipe.multi()
            if lost := set(ids) - {delivery.id for delivery in due}:
                pipe.zrem(DUE, *lost)
            changes = {"next_attempt_at": now + patience.total_seconds()}
            claimed = [delivery.model_copy(update={**changes, "begun": delivery.begun + 1}) for delivery in due]
            for delivery in claimed:
                _queue_write(pipe, delivery)
            return claimed

        return compare_and_set(self._client, apply, DUE)

    def record(self, delivery: Delivery, result: str) -> None:
        """Record what an attempt came to and count its result; a delivery that arrived before stays so."""

        def apply(pipe: Any) -> None:
            stored = read_bodies(Delivery, [pipe.hget(DELIVERIES, delivery.id)])
            pipe.multi()
            if not stored or stored[0].state is not DeliveryState.DELIVERED:
                _queue_write(pipe, delivery)
            pipe.hincrby(COUNTS, f"{delivery.channel}/{result}", 1)

        compare_and_set(self._client, apply, DELIVERIES)

    def all(self) -> list[Delivery]:
        """Return the log, newest first."""
        bodies: list[str] = self._client.hvals(DELIVERIES)  # type: ignore[assignment]
        return sorted(read_bodies(Delivery, bodies), key=lambda delivery: delivery.id, reverse=True)

    def counts(self) -> dict[str, int]:
        """Return the number of attempts by "channel/result"."""
        counts: dict[str, str] = self._client.hgetall(COUNTS)  # type: ignore[assignment]
        return {str(name): int(count) for name, count in counts.items()}

    def trim(self) -> None:
        """Remove the oldest deliveries that have ended from a log that is too long."""
        if int(self._client.hlen(DELIVERIES)) <= MAX_DELIVERIES:
            return
        ended = [delivery.id for delivery in self.all() if delivery.state is not DeliveryState.PENDING]
        if old := ended[MAX_DELIVERIES:]:
            self._client.hdel(DELIVERIES, *old)


def read_bodies(kind: type[ContractT], bodies: Iterable[str | None]) -> list[ContractT]:
    """Read what is stored, as far as it is there and this version can read it: what cannot be read stops nobody."""
    contracts = []
    for body in bodies:
        try:
            contracts += [kind.model_validate_json(body)] if body else []
        except ValidationError as error:
            log.warning("a %s in the store cannot be read: %s", kind.__name__, error)
    return contracts


def _queue_write(pipe: Any, delivery: Delivery) -> None:
    """Queue the write of a delivery, and of when its next attempt is due."""
    pipe.hset(DELIVERIES, delivery.id, delivery.model_dump_json())
    if delivery.next_attempt_at is None:
        pipe.zrem(DUE, delivery.id)
    else:
        pipe.zadd(DUE, {delivery.id: delivery.next_attempt_at})
