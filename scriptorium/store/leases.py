"""Leases with fencing tokens: at most one holder at a time, and a late one is told so.

A lease is a key that expires. Its token comes from a counter that only grows, so whoever still writes with an old
token can be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis

from scriptorium.contracts import Job, Phase
from scriptorium.store.transaction import compare_and_set

GPU = "gpu"


@dataclass(frozen=True)
class Lease:
    """A right to something until it expires; `token` grows with every grant."""

    name: str
    token: int
    holder: str


def phase_lease(job_id: str, phase: Phase) -> str:
    """The name of the lease on a job's phase."""
    return f"{job_id}:{phase}"


def _lease(name: str) -> str:
    return f"scriptorium:lease:{name}"


def _fence(name: str) -> str:
    return f"scriptorium:fence:{name}"


def _request(name: str) -> str:
    return f"scriptorium:lease-request:{name}"


class Leases:
    """Grant, renew and release."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def acquire(self, name: str, holder: str, ttl: timedelta) -> Lease | None:
        """Take a lease if nobody holds it."""

        def apply(pipe: Any) -> Lease | None:
            if pipe.exists(_lease(name)):
                return None
            token = int(pipe.get(_fence(name)) or 0) + 1
            pipe.multi()
            pipe.set(_fence(name), token)
            pipe.set(_lease(name), f"{token} {holder}", px=ttl)
            return Lease(name, token, holder)

        return compare_and_set(self._client, apply, _lease(name), _fence(name))

    def claim(
        self, job_id: str, phase: Phase, holder: str, ttl: timedelta, change: Callable[[Job, int], Job]
    ) -> Lease | None:
        """Take a phase of a job: the lease and the job's record change together, or neither does.

        `change` gets the record and the new token. Nothing is claimed where the job is over, at another phase, or held.
        """
        name, key = phase_lease(job_id, phase), f"scriptorium:job:{job_id}"

        def apply(pipe: Any) -> Lease | None:
            body = pipe.get(key)
            job = Job.model_validate_json(body) if body else None
            if job is None or job.status.final or job.phase != phase or pipe.exists(_lease(name)):
                return None
            token = (
                max(int(pipe.get(_fence(name)) or 0), job.attempts.get(phase, 0)) + 1
            )  # the store may have been lost
            pipe.multi()
            pipe.set(_fence(name), token)
            pipe.set(_lease(name), f"{token} {holder}", px=ttl)
            pipe.set(key, change(job, token).model_dump_json())
            return Lease(name, token, holder)

        return compare_and_set(self._client, apply, key, _lease(name), _fence(name))

    def renew(self, lease: Lease, ttl: timedelta) -> bool:
        """Keep a lease; False once somebody else was granted it. One that only expired is taken up again."""

        def apply(pipe: Any) -> bool:
            newest = int(pipe.get(_fence(lease.name)) or 0)
            pipe.multi()
            if newest != lease.token:
                return False
            pipe.set(_lease(lease.name), f"{lease.token} {lease.holder}", px=ttl)
            return True

        return compare_and_set(self._client, apply, _lease(lease.name), _fence(lease.name))

    def release(self, lease: Lease) -> None:
        """Give a lease back; does nothing if somebody else holds it by now."""

        def apply(pipe: Any) -> None:
            mine = pipe.get(_lease(lease.name)) == f"{lease.token} {lease.holder}"
            pipe.multi()
            if mine:
                pipe.delete(_lease(lease.name))

        compare_and_set(self._client, apply, _lease(lease.name))

    def holder(self, name: str) -> str | None:
        """Who holds a lease now."""
        body = self._client.get(_lease(name))
        return str(body).partition(" ")[2] if body else None

    def request(self, name: str, holder: str, ttl: timedelta) -> None:
        """Ask the holder of a lease to let go; the request fades unless it is repeated."""
        self._client.set(_request(name), holder, px=ttl)

    def requested(self, name: str) -> str | None:
        """Who is waiting for a lease."""
        waiting = self._client.get(_request(name))
        return str(waiting) if waiting else None

    def withdraw(self, name: str) -> None:
        """Take the request for a lease back."""
        self._client.delete(_request(name))
