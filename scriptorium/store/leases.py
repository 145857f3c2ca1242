"""Leases with fencing tokens: at most one holder at a time, and late holders are refused.

A lease is a key that expires. Its token comes from a counter that only grows, so a write with an old token can be
refused. A record beside it does not expire; it tells monitoring when the lease was granted and last renewed, and how
long its holder had waited. Whoever asks in vain stands in the lease's queue, by rank, for as long as they keep asking.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import redis

from scriptorium.contracts import Job, Phase
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.store.job_index import job_key
from scriptorium.store.job_records import queue_update
from scriptorium.store.transaction import compare_and_set

DEVICES = "scriptorium:devices"  # the names of every device that was ever asked for
DEVICE_MEMORY = "scriptorium:device-memory"  # the total bytes of each GPU whose driver reports them


@dataclass(frozen=True)
class Lease:
    """A right to something until it expires; `token` grows with every grant."""

    name: str
    token: int
    holder: str


@dataclass(frozen=True)
class LeaseState:
    """The state of a lease for monitoring: its holder, the number of grants, and times in Unix seconds.

    `granted_at` and `waited` (in seconds) are those of the last grant. `renewed_at` is None once the lease is released;
    it remains if the lease has only expired.
    """

    holder: str | None = None
    grants: int = 0
    granted_at: float | None = None
    renewed_at: float | None = None
    waited: float = 0.0

    @property
    def holder_is_job(self) -> bool:
        """True if a job holds it, and not the server."""
        return bool(self.holder and self.holder.startswith(JOB_PREFIX))


def phase_lease(job_id: str, phase: Phase) -> str:
    """Return the name of the lease on a job's phase."""
    return f"{job_id}:{phase}"


def _lease(name: str) -> str:
    return f"scriptorium:lease:{name}"


def _fence(name: str) -> str:
    return f"scriptorium:fence:{name}"


def _queue(name: str) -> str:
    return f"scriptorium:lease-queue:{name}"


def _record(name: str) -> str:
    return f"scriptorium:lease-record:{name}"


def _wait(name: str, holder: str) -> str:
    return f"scriptorium:lease-wait:{name}:{holder}"


class Leases:
    """Grant, renew, release and monitor leases."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def acquire(self, name: str, holder: str, ttl: timedelta, rank: float = 0.0) -> Lease | None:
        """Take a lease if nobody holds it and nobody of a lower rank waits for it.

        Whoever fails waits in the queue by `rank`, then by name, until `ttl` after the last try. A holder that fell
        silent keeps its place for as long as it takes to be missed: until `ttl` after its lease has run out.
        """
        wait = _wait(name, holder)

        def apply(pipe: Any) -> Lease | None:
            taken = bool(pipe.exists(_lease(name)))
            others = [*self._live_waiters(pipe, name), *_silent_holder(pipe.hgetall(_record(name)), 2 * ttl)]
            first = min(((place, other) for other, place in others if other != holder), default=None)
            if taken or (first is not None and first < (rank, holder)):
                pipe.multi()
                pipe.zadd(_queue(name), {holder: rank})
                pipe.set(wait, time.time(), nx=True)
                pipe.pexpire(wait, ttl)
                return None
            token = int(pipe.get(_fence(name)) or 0) + 1
            waiting_since = pipe.get(wait)
            silent = set(pipe.zrange(_queue(name), 0, -1)) - {other for other, _ in others}
            pipe.multi()
            pipe.delete(wait)
            pipe.zrem(_queue(name), holder, *silent)
            lease = _grant(pipe, Lease(name, token, holder), ttl, waiting_since and float(waiting_since))
            pipe.hset(_record(name), mapping={"holder": holder, "rank": rank})
            return lease

        return compare_and_set(self._client, apply, _lease(name), _fence(name), _queue(name))

    def claim(
        self, job_id: str, phase: Phase, holder: str, ttl: timedelta, change: Callable[[Job, int], Job]
    ) -> Lease | None:
        """Claim a phase of a job: the lease and the job's record change together, or neither does.

        `change` gets the record and the new token. Returns None if the job has ended, is paused or is to be
        paused, is at another phase, or is claimed.
        """
        name, key = phase_lease(job_id, phase), job_key(job_id)

        def apply(pipe: Any) -> Lease | None:
            body = pipe.get(key)
            job = Job.model_validate_json(body) if body else None
            if job is None or job.phase != phase or not job.claimable or pipe.exists(_lease(name)):
                return None
            token = (
                max(int(pipe.get(_fence(name)) or 0), job.attempts.get(phase, 0)) + 1
            )  # the store may have been lost
            pipe.multi()
            queue_update(pipe, job, change(job, token))
            return _grant(pipe, Lease(name, token, holder), ttl)

        return compare_and_set(self._client, apply, key, _lease(name), _fence(name))

    def renew(self, lease: Lease, ttl: timedelta) -> bool:
        """Renew a lease, even an expired one; returns False if somebody else has been granted it since."""

        def apply(pipe: Any) -> bool:
            newest = int(pipe.get(_fence(lease.name)) or 0)
            pipe.multi()
            if newest != lease.token:
                return False
            pipe.set(_lease(lease.name), _body(lease), px=ttl)
            pipe.hset(_record(lease.name), "renewed_at", time.time())
            return True

        return compare_and_set(self._client, apply, _lease(lease.name), _fence(lease.name))

    def release(self, lease: Lease) -> None:
        """Release a lease; does nothing if somebody else holds it by now."""

        def apply(pipe: Any) -> None:
            mine = pipe.get(_lease(lease.name)) == _body(lease)
            pipe.multi()
            if mine:
                pipe.delete(_lease(lease.name))
                pipe.hdel(_record(lease.name), "renewed_at")

        compare_and_set(self._client, apply, _lease(lease.name))

    def holder(self, name: str) -> str | None:
        """Return the holder of a lease, or None."""
        return _holder(self._client.get(_lease(name)))

    def holders(self, names: Sequence[str]) -> dict[str, str | None]:
        """Return the holders of many leases, in one round trip."""
        bodies: list[str | None] = self._client.mget([_lease(name) for name in names]) if names else []  # type: ignore[assignment]
        return {name: _holder(body) for name, body in zip(names, bodies, strict=True)}

    def states(self, names: Sequence[str]) -> dict[str, LeaseState]:
        """Return the state of many leases, in one round trip."""
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.get(_lease(name))
                pipe.get(_fence(name))
                pipe.hgetall(_record(name))
            replies = iter(pipe.execute())
        return {
            name: _state(*reply) for name, reply in zip(names, zip(replies, replies, replies, strict=True), strict=True)
        }

    def forget(self, names: Sequence[str]) -> None:
        """Delete the traces of leases that nobody will ever take again."""
        if names:
            self._client.delete(*map(_fence, names), *map(_record, names))

    def waiters(self, name: str) -> list[tuple[str, float]]:
        """Return who waits for a lease with their ranks, the next one first."""
        return self._live_waiters(self._client, name)

    def leave_queue(self, name: str, holder: str) -> None:
        """Stop waiting for a lease; the others keep their places."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.zrem(_queue(name), holder)
            pipe.delete(_wait(name, holder))
            pipe.execute()

    def limit(self, names: Sequence[str], ttl: timedelta) -> None:
        """Let no lease, and no place in a queue, last longer than `ttl` from now.

        One that was granted while Redis's clock was an hour ahead would outlive a dead holder by that hour.
        """
        with self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.zrange(_queue(name), 0, -1)
            waiters = dict(zip(names, pipe.execute(), strict=True))
            keys = [_lease(name) for name in names]
            keys += [_wait(name, str(holder)) for name, holders in waiters.items() for holder in holders]
            for key in keys:
                pipe.pttl(key)
            lengths = dict(zip(keys, pipe.execute(), strict=True))
            for key, milliseconds in lengths.items():
                if milliseconds > ttl / timedelta(milliseconds=1):
                    pipe.pexpire(key, ttl)
            pipe.execute()

    def add_devices(self, names: Sequence[str]) -> None:
        """Record devices by name, so that monitoring knows them."""
        self._client.sadd(DEVICES, *names)

    def devices(self) -> list[str]:
        """Return the names of all recorded devices."""
        return sorted(str(name) for name in self._client.smembers(DEVICES))

    def set_device_memory(self, totals: Mapping[str, int]) -> None:
        """Record the total bytes of devices, for machines that cannot read them."""
        if totals:
            self._client.hset(DEVICE_MEMORY, mapping={name: str(total) for name, total in totals.items()})

    def device_memory(self) -> dict[str, int]:
        """Return the total bytes of devices by name, as far as they are known."""
        return {str(name): int(total) for name, total in self._client.hgetall(DEVICE_MEMORY).items()}

    def _live_waiters(self, client: Any, name: str) -> list[tuple[str, float]]:
        """Return the waiters that still ask; those that stopped asking are skipped and leave with the next grant."""
        entries = client.zrange(_queue(name), 0, -1, withscores=True)
        return [(str(holder), float(rank)) for holder, rank in entries if client.exists(_wait(name, str(holder)))]


def _body(lease: Lease) -> str:
    return f"{lease.token} {lease.holder}"


def _holder(body: Any) -> str | None:
    return str(body).partition(" ")[2] if body else None


def _grant(pipe: Any, lease: Lease, ttl: timedelta, waiting_since: float | None = None) -> Lease:
    """Queue the writes of a grant; `waiting_since` is when its holder first asked, None if it did not have to wait."""
    now = time.time()
    pipe.set(_fence(lease.name), lease.token)
    pipe.set(_lease(lease.name), _body(lease), px=ttl)
    times = {"granted_at": now, "renewed_at": now, "waited": now - (waiting_since or now)}
    pipe.hset(_record(lease.name), mapping=times)
    return lease


def _state(body: Any, grants: Any, record: dict[str, str]) -> LeaseState:
    times = {name: float(value) for name, value in record.items() if name != "holder"}
    granted, renewed = times.get("granted_at"), times.get("renewed_at")
    return LeaseState(_holder(body), int(grants or 0), granted, renewed, times.get("waited", 0.0))


def _silent_holder(record: dict[str, str], patience: timedelta) -> list[tuple[str, float]]:
    """Return the last holder with its rank if it has not released the lease and was heard of within `patience`."""
    silence = abs(time.time() - float(record.get("renewed_at", 0)))  # it may be from a clock that was wrong
    return (
        [(record["holder"], float(record["rank"]))] if "holder" in record and silence < patience.total_seconds() else []
    )
