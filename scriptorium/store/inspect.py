"""Inspection of a Redis server: its version, and whether it can lose data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scriptorium.errors import StoreUnavailable

PASSWORD = "password"  # noqa: S105  the name of a field
DURABILITY_SETTINGS = ("appendonly", "appendfsync", "maxmemory-policy")


@dataclass(frozen=True)
class StoreFacts:
    """A server and its settings that decide whether data can be lost; None if the server does not report one."""

    server: str
    version: str
    appendonly: str | None
    appendfsync: str | None
    maxmemory_policy: str | None
    last_write: str = "ok"


def inspect_store(url: str, timeout: float) -> StoreFacts:
    """Inspect a server once, with `timeout` seconds per call.

    Raises StoreUnavailable; its `param` is "password" if the server answers but refuses the password.
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
        raise StoreUnavailable(f"Redis refuses to be inspected: {error}") from error
    except (redis.RedisError, OSError, ValueError) as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error


def _options(client: redis.Redis) -> dict[str, str]:
    """Return the server's settings; empty if this user may not read them."""
    try:
        options: Any = client.config_get(*DURABILITY_SETTINGS)
    except redis.ResponseError:
        return {}
    return {str(name): str(value) for name, value in options.items()}


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
