"""The store: one Redis client, shared by jobs, events, leases and serving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from scriptorium.errors import StoreUnavailable
from scriptorium.store.chat_wishes import ChatWishes
from scriptorium.store.deletions import Deletions
from scriptorium.store.deliveries import Deliveries
from scriptorium.store.events import Events
from scriptorium.store.jobs import Jobs
from scriptorium.store.leases import Leases
from scriptorium.store.logins import Logins
from scriptorium.store.request_counts import RequestCounts
from scriptorium.store.serving import Serving


class Store:
    """Jobs, events, leases, serving state, chat's wishes, deletions, deliveries, logins, requests of one deployment."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.jobs = Jobs(client)
        self.events = Events(client)
        self.leases = Leases(client)
        self.serving = Serving(client)
        self.wishes = ChatWishes(client)
        self.deletions = Deletions(client)
        self.deliveries = Deliveries(client)
        self.logins = Logins(client)
        self.requests = RequestCounts(client)

    def ping(self) -> bool:
        """Return whether Redis answers."""
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


def open_store(url: str, *, patient: bool = False) -> Store:
    """Connect lazily: nothing is sent before the first call.

    A `patient` store waits out a restart of Redis (about half a minute) before a call fails: right for a worker, wrong
    for an API that somebody is waiting for.
    """
    retry = Retry(ExponentialBackoff(cap=1, base=0.05), retries=30 if patient else 2)
    client = redis.Redis.from_url(url, decode_responses=True, socket_timeout=10, health_check_interval=30, retry=retry)
    return Store(client)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn errors of Redis into StoreUnavailable."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise StoreUnavailable("The store (Redis) does not answer.") from error
    except redis.ResponseError as error:
        raise StoreUnavailable(f"The store (Redis) refuses to write: {error}") from error
