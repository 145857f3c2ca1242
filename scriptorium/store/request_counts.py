"""How many requests each key of the API has sent in the present minute."""

from __future__ import annotations

import time

import redis

WINDOW = 60  # seconds; a count begins anew with each minute of the clock


class RequestCounts:
    """Count requests by key; a count outlives its minute by one."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def add(self, key_id: str) -> int:
        """Count a request; return how many there were in this minute, this one included."""
        name = f"scriptorium:requests:{key_id}:{int(time.time()) // WINDOW}"
        with self._client.pipeline() as batch:
            batch.incr(name)
            batch.expire(name, 2 * WINDOW)
            return int(batch.execute()[0])


def seconds_left() -> int:
    """Return the seconds until the counts begin anew, at least one."""
    return WINDOW - int(time.time()) % WINDOW
