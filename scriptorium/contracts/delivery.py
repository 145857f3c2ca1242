"""What is announced of a job to the outside, and its deliveries: to a webhook, or as a notice to a person.

An announcement is written in the transaction that changes the job; whoever sends makes a delivery of it for each
receiver, and tries again until it arrives or is given up.
"""

from __future__ import annotations

import hashlib
import time
from enum import StrEnum

from scriptorium.contracts.base import Contract
from scriptorium.contracts.job import Job, Status
from scriptorium.identifiers import MICROSECONDS

EVENT_PREFIX, DELIVERY_PREFIX = "evt_", "dlv_"
DELIVERY_RESULTS = ("delivered", "failed", "given_up")  # of an attempt; one that failed is followed by another


class AnnouncementType(StrEnum):
    """What is announced: a job's end, as OpenAI's webhooks spell it, or that the job waits for a person."""

    SUCCEEDED = "fine_tuning.job.succeeded"
    FAILED = "fine_tuning.job.failed"
    CANCELLED = "fine_tuning.job.cancelled"
    DECISION = "decision"


ENDS = {
    Status.SUCCEEDED: AnnouncementType.SUCCEEDED,
    Status.FAILED: AnnouncementType.FAILED,
    Status.CANCELLED: AnnouncementType.CANCELLED,
}


class Channel(StrEnum):
    """The ways to the outside; a decision goes to people only, because OpenAI's webhooks have no such event."""

    WEBHOOK = "webhook"
    NOTICE = "notice"

    def carries(self, kind: AnnouncementType) -> bool:
        """Return whether announcements of this type go this way."""
        return self is Channel.NOTICE or kind is not AnnouncementType.DECISION


class Announcement(Contract):
    """Something to announce of a job: its id is the same at each attempt and for each receiver."""

    id: str
    type: AnnouncementType
    created_at: int
    job_id: str


class DeliveryState(StrEnum):
    """The states of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class DeliveryAttempt(Contract):
    """One attempt: when it began, the receiver's HTTP status if there was one, and why it failed if it did."""

    created_at: int
    status_code: int | None = None
    problem: str | None = None


class Delivery(Contract):
    """An announcement on its way to one receiver.

    `receiver_key` finds the receiver among the settings, `receiver` names it without its secrets. `begun` counts the
    attempts that were begun, also those whose process died before their outcome was recorded.
    """

    id: str
    channel: Channel
    announcement: Announcement
    receiver_key: str
    receiver: str
    created_at: int
    state: DeliveryState = DeliveryState.PENDING
    begun: int = 0
    attempts: list[DeliveryAttempt] = []
    next_attempt_at: float | None = None


def announce(before: Job, after: Job) -> Announcement | None:
    """Return what a change of a job's record has to announce, if it has anything.

    The id follows from the job and its version, so that a store that lost its last writes announces the same again.
    """
    if after.status.final and not before.status.final:
        return _make_announcement(after, ENDS[after.status])
    decision = after.open_decision
    return _make_announcement(after, AnnouncementType.DECISION) if decision and not before.open_decision else None


def _make_announcement(job: Job, kind: AnnouncementType) -> Announcement:
    moment = job.finished_at or int(time.time())
    digest = hashlib.sha256(f"{job.id} {kind} {job.version}".encode()).hexdigest()
    identifier = f"{EVENT_PREFIX}{moment * MICROSECONDS:013x}{digest[:13]}"
    return Announcement(id=identifier, type=kind, created_at=moment, job_id=job.id)
