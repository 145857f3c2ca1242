"""Events: the log of a job, line by line."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from scriptorium.contracts.base import Contract


class EventType(StrEnum):
    """The two kinds of event on the API."""

    MESSAGE = "message"
    METRICS = "metrics"


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Event(Contract):
    """One line of a job's log: `message` for people, `data` for machines. The store assigns `id`."""

    id: str = ""
    created_at: int
    level: Level = Level.INFO
    type: EventType = EventType.MESSAGE
    message: str
    data: dict[str, Any] = {}
