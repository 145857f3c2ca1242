"""Receivers: where announcements go. A webhook gets OpenAI's event, signed; a person gets a text, through Apprise."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol

from scriptorium.contracts.delivery import Announcement, Channel

TEST_JOB = "ftjob-test"  # of announcements that only test a receiver


@dataclass(frozen=True)
class SendOutcome:
    """What an attempt came to: why it failed if it did, and whether trying again is of no use."""

    status_code: int | None = None
    problem: str | None = None
    final: bool = False


class Receiver(Protocol):
    """Takes announcements of a channel; `key` finds it again, `name` may be shown: neither holds a secret."""

    channel: Channel
    key: str
    name: str

    async def send(self, announcement: Announcement) -> SendOutcome:
        """Make one attempt, which ends within seconds."""
        ...


def make_key(address: str) -> str:
    """Return a key that finds a receiver among the settings and does not tell its address."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]
