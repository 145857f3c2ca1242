"""The story of a job, line by line."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from scriptorium.contracts.base import Contract


class EventType(StrEnum):
    """The two kinds of event on the wire."""

    MESSAGE = "message"
    METRICS = "metrics"


class Level(StrEnum):
    """How much an event matters."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class Event(Contract):
    """One line of a job's story: `message` for people, `data` for machines. `id` is given by the store."""

    id: str = ""
    created_at: int
    level: Level = Level.INFO
    type: EventType = EventType.MESSAGE
    message: str
    data: dict[str, Any] = {}
