"""Optimistic transactions: read and decide in Python, write only if no watched key has changed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import redis

T = TypeVar("T")


def compare_and_set(client: redis.Redis, decide: Callable[[Any], T], *keys: str) -> T:
    """Run `decide(pipe)` until no watched key changes during it, and return its result.

    `decide` reads with the pipe, calls `pipe.multi()`, then queues its writes; it may run several times.
    """
    return cast(T, client.transaction(cast(Any, decide), *keys, value_from_callable=True))
