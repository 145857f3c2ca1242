"""The state of a local stack: a file in the data folder, valid only while the supervisor that wrote it lives."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Literal

import psutil
from pydantic import BaseModel

from scriptorium.settings import Settings


class Service(BaseModel):
    """One process of the stack."""

    name: str
    pid: int
    started: float
    restarts: int = 0


class State(BaseModel):
    """The supervisor and its processes."""

    pid: int
    created: float
    state: Literal["starting", "ready", "stopping", "failed"]
    api_url: str
    services: list[Service] = []
    error: str | None = None

    @property
    def alive(self) -> bool:
        """True if the supervisor that wrote this still runs; its pid alone may have been reused."""
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def path(settings: Settings) -> Path:
    """Return the path of the state file."""
    return settings.data_dir / "stack.json"


def read(settings: Settings) -> State | None:
    """Return the last written state of the stack, alive or not."""
    try:
        return State.model_validate_json(path(settings).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def find_running(settings: Settings) -> State | None:
    """Return the state of the stack if its supervisor lives."""
    state = read(settings)
    return state if state and state.alive else None


def write(settings: Settings, state: State) -> None:
    """Replace the state atomically."""
    temporary = path(settings).with_suffix(".tmp")
    temporary.write_text(state.model_dump_json(indent=2), "utf-8")
    temporary.replace(path(settings))


def lock(settings: Settings) -> IO[str] | None:
    """Lock the data folder for one supervisor while the file is open; None if another holds the lock."""
    file = (settings.data_dir / "stack.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
