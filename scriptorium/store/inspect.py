"""What a Redis server says of itself: its version, and whether it keeps what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scriptorium.errors import StoreUnavailable

PASSWORD = "password"  # noqa: S105  the name of a field
KEPT = ("appendonly", "appendfsync", "maxmemory-policy")


@dataclass(frozen=True)
class StoreFacts:
    """A server and those of its settings that decide whether something can be lost; None where it does not tell."""

    server: str
    version: str
    appendonly: str | None
    appendfsync: str | None
    maxmemory_policy: str | None
    last_write: str = "ok"


def inspect_store(url: str, timeout: float) -> StoreFacts:
    """Ask once, within `timeout` seconds a call.

    Raises StoreUnavailable; its `param` is "password" where the server answers but refuses the password.
    """
    try:
        client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )  # fmt: skip
        with client:
            info: Any = client.info()
            return _facts(info, _options(client))
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise StoreUnavailable(f"Redis refuses the password or the user: {error}", param=PASSWORD) from error
    except redis.ResponseError as error:
        raise StoreUnavailable(f"Redis refuses to tell about itself: {error}") from error
    except (redis.RedisError, OSError, ValueError) as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error


def _options(client: redis.Redis) -> dict[str, str]:
    """The server's settings; nothing where this user may not read them."""
    try:
        found: Any = client.config_get(*KEPT)
    except redis.ResponseError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def _facts(info: dict[str, Any], options: dict[str, str]) -> StoreFacts:
    server = str(info.get("server_name", "redis"))
    return StoreFacts(
        server=f"{server} {info.get(f'{server}_version', info['redis_version'])}",
        version=str(info["redis_version"]),
        appendonly=options.get("appendonly", "yes" if info.get("aof_enabled") else "no"),
        appendfsync=options.get("appendfsync"),
        maxmemory_policy=options.get("maxmemory-policy", info.get("maxmemory_policy")),
        last_write=str(info.get("aof_last_write_status", "ok")),
    )
