"""Leases on a real Redis-compatible server: one holder at a time, fencing tokens, and the state for monitoring."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from work import SECOND, SOON, lease_state, lose_lease

from scriptorium.contracts import (
    Job,
    Phase,
)
from scriptorium.errors import LeaseLost
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.runner import Context, claim
from scriptorium.process.child import wait_until
from scriptorium.store.leases import LeaseState

DEVICE = "cpu:here"


def test_of_many_claimers_one_wins(context: Context, job: Job) -> None:
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda _: claim(context, job.id, Phase.PREPARE), range(8)))
    won = [lease for lease in leases if lease]
    assert [lease.token for lease in won] == [1]
    assert context.store.jobs.get(job.id).attempts == {Phase.PREPARE: 1}


def test_an_expired_lease_is_claimed_with_a_higher_token(context: Context, job: Job) -> None:
    quick = Context(
        context.settings.model_copy(update={"lease_ttl": timedelta(milliseconds=50)}),
        context.store,
        context.volume,
        context.pipeline,
    )
    first = claim(quick, job.id, Phase.PREPARE)
    assert first is not None
    assert wait_until(lambda: context.store.leases.holder(first.name) is None, SOON)
    second = claim(context, job.id, Phase.PREPARE)
    assert second is not None
    assert second.token == first.token + 1
    assert context.store.leases.renew(first, SECOND) is False
    context.store.leases.release(first)
    assert context.store.leases.holder(second.name) == second.holder


def test_a_lease_that_only_expired_is_taken_up_again(context: Context) -> None:
    lease = context.store.leases.acquire("gpu", "somebody", SECOND)
    assert lease is not None
    context.store.client.delete("scriptorium:lease:gpu")
    assert context.store.leases.renew(lease, SECOND) is True
    assert context.store.leases.acquire("gpu", "another", SECOND) is None


@pytest.mark.parametrize("other", [Phase.TRAIN, Phase.EVALUATE])
def test_only_the_phase_that_a_job_is_at_can_be_claimed(context: Context, job: Job, other: Phase) -> None:
    assert claim(context, job.id, other) is None
    assert claim(context, "ftjob-none", Phase.PREPARE) is None


def test_a_stale_attempt_does_not_advance_or_fail_a_job(context: Context, job: Job) -> None:
    stale = claim(context, job.id, Phase.PREPARE)
    lose_lease(context, job, Phase.PREPARE)
    newer = claim(context, job.id, Phase.PREPARE)
    assert stale is not None
    assert newer is not None
    with pytest.raises(LeaseLost):
        context.pipeline.advance(job.id, Phase.PREPARE, stale.token)
    assert context.store.jobs.get(job.id).phase is Phase.PREPARE
    context.pipeline.advance(job.id, Phase.PREPARE, newer.token)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN
    with pytest.raises(LeaseLost):
        context.pipeline.advance(job.id, Phase.PREPARE, newer.token)  # not twice either


# The state for monitoring


def test_a_lease_that_was_never_granted_has_no_past(context: Context) -> None:
    assert lease_state(context, DEVICE) == LeaseState()


def test_a_grant_and_its_renewals_are_remembered(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    granted = lease_state(context, lease.name)
    assert (granted.holder, granted.grants, granted.waited) == (lease.holder, 1, 0)
    assert granted.granted_at == granted.renewed_at == pytest.approx(time.time(), abs=5)
    time.sleep(0.02)
    context.store.leases.renew(lease, SECOND)
    renewed = lease_state(context, lease.name)
    assert renewed.granted_at == granted.granted_at
    assert renewed.renewed_at is not None
    assert renewed.renewed_at > (granted.renewed_at or 0)


def test_the_last_heartbeat_outlives_an_expired_lease_but_not_a_returned_one(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    lose_lease(context, job, Phase.PREPARE)
    expired = lease_state(context, lease.name)
    assert (expired.holder, expired.renewed_at) == (None, expired.granted_at)
    newer = claim(context, job.id, Phase.PREPARE)
    assert newer is not None
    context.store.leases.release(lease)  # a late one: nothing of the newer one is forgotten
    context.store.leases.renew(lease, SECOND)
    assert lease_state(context, lease.name).renewed_at == lease_state(context, lease.name).granted_at
    context.store.leases.release(newer)
    returned = lease_state(context, lease.name)
    assert (returned.holder, returned.grants, returned.renewed_at) == (None, 2, None)
    assert returned.granted_at is not None


def test_whoever_asks_in_vain_waits_until_the_grant(context: Context) -> None:
    leases = context.store.leases
    first = leases.acquire(DEVICE, "the server", SOON)
    assert first is not None
    assert lease_state(context, DEVICE).waited == 0
    began = time.time()
    assert leases.acquire(DEVICE, "ftjob-1", SOON) is None
    time.sleep(0.1)
    assert leases.acquire(DEVICE, "ftjob-1", SOON) is None  # asking again does not begin anew
    time.sleep(0.1)
    leases.release(first)
    second = leases.acquire(DEVICE, "ftjob-1", SOON)
    assert second is not None
    state = lease_state(context, DEVICE)
    assert (state.holder, state.grants) == ("ftjob-1", 2)
    assert 0.2 <= state.waited <= time.time() - began
    leases.release(second)
    assert lease_state(context, DEVICE).waited == state.waited
    assert leases.acquire(DEVICE, "ftjob-1", SOON) is not None
    assert lease_state(context, DEVICE).waited == 0  # that wait was over


def test_a_wait_that_was_given_up_is_forgotten(context: Context) -> None:
    short = timedelta(milliseconds=50)
    first = context.store.leases.acquire(DEVICE, "the server", SOON)
    assert first is not None
    assert context.store.leases.acquire(DEVICE, "ftjob-1", short) is None
    time.sleep(0.15)
    context.store.leases.release(first)
    assert context.store.leases.acquire(DEVICE, "ftjob-1", SOON) is not None
    assert lease_state(context, DEVICE).waited == 0


def test_a_holder_that_fell_silent_keeps_its_place_until_it_is_missed(context: Context) -> None:
    leases, ttl = context.store.leases, timedelta(milliseconds=300)
    assert leases.acquire(DEVICE, "first", ttl, rank=1.0)
    assert wait_until(lambda: leases.holder(DEVICE) is None, SOON)
    assert leases.acquire(DEVICE, "second", ttl, rank=2.0) is None
    assert leases.acquire(DEVICE, "urgent", ttl, rank=0.5) is not None


def test_a_silent_holder_that_does_not_come_back_is_overtaken(context: Context) -> None:
    leases, ttl = context.store.leases, timedelta(milliseconds=100)
    assert leases.acquire(DEVICE, "first", ttl, rank=1.0)
    assert wait_until(lambda: leases.acquire(DEVICE, "second", ttl, rank=2.0) is not None, SOON)


def test_a_holder_that_released_the_lease_has_no_place(context: Context) -> None:
    leases = context.store.leases
    lease = leases.acquire(DEVICE, "first", SECOND, rank=1.0)
    assert lease is not None
    leases.release(lease)
    assert leases.acquire(DEVICE, "second", SECOND, rank=2.0) is not None


def test_a_lease_from_a_clock_that_was_an_hour_ahead_does_not_outlive_its_holder(context: Context, job: Job) -> None:
    """Redis computes the end of a lease when it is granted; a clock that is set back makes it an hour longer."""
    lease, ttl = claim(context, job.id, Phase.PREPARE), context.settings.lease_ttl
    assert lease is not None
    context.store.leases.add_devices([DEVICE])
    assert context.store.leases.acquire(DEVICE, job.id, ttl)
    assert context.store.leases.acquire(DEVICE, "ftjob-2", ttl) is None
    keys = [str(key) for key in context.store.client.scan_iter("scriptorium:lease:*")]
    keys += [str(key) for key in context.store.client.scan_iter("scriptorium:lease-wait:*")]
    assert len(keys) == 3
    for key in keys:
        context.store.client.pexpire(key, timedelta(hours=1))
    reap(context, waiting=lambda _: 0)
    assert all(0 < int(context.store.client.pttl(key)) <= ttl / timedelta(milliseconds=1) for key in keys)
    assert wait_until(lambda: context.store.leases.holder(lease.name) is None, 2 * ttl)
    assert reap(context, waiting=lambda _: 0) == [job.id]


def test_a_silent_holder_from_a_clock_that_was_ahead_keeps_no_place(context: Context) -> None:
    assert context.store.leases.acquire(DEVICE, "ftjob-1", SECOND)
    context.store.client.hset(f"scriptorium:lease-record:{DEVICE}", "renewed_at", time.time() + 3600)
    context.store.client.delete(f"scriptorium:lease:{DEVICE}")
    assert context.store.leases.acquire(DEVICE, "ftjob-2", SECOND, rank=1.0)
