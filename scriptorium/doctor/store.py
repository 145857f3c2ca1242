"""Redis: whether it answers, and whether it keeps its data."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from scriptorium.doctor.check import CheckFinding, Subject, at_least, fail, ok, skipped, warn
from scriptorium.errors import StoreUnavailable
from scriptorium.store.inspect import PASSWORD, StoreFacts

REDIS = "Redis"
DURABLE_SETTINGS = (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction"))


def check_store(subject: Subject) -> Iterator[CheckFinding]:
    """Check the Redis of the settings, or the local stack's own if it runs."""
    url = subject.settings.store_url
    socket = url.removeprefix("unix://")
    if not subject.settings.redis_url and not subject.probe.exists(socket):
        yield report_not_running(subject)
        return
    try:
        facts = subject.probe.store(url)
    except StoreUnavailable as error:
        yield report_unavailable(redis_address(url), error)
        return
    yield check_version(redis_address(url), facts)
    yield from check_durability(facts)


def report_not_running(subject: Subject) -> CheckFinding:
    """Report that no Redis is set and the local stack, which brings its own, does not run."""
    if subject.container:
        fix = "SCRIPTORIUM_REDIS_URL=redis://:PASSWORD@redis:6379/0   # the compose files set it from .env"
        return fail(REDIS, "SCRIPTORIUM_REDIS_URL is not set", fix)
    return skipped(REDIS, "the local stack is not running; `scriptorium up` starts its own")


def redis_address(url: str) -> str:
    """Return the address without the password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def report_unavailable(address: str, error: StoreUnavailable) -> CheckFinding:
    """Report a Redis that does not answer, or refuses the password or the user."""
    if error.param == PASSWORD:
        fix = (
            "docker compose up -d   # after a change of REDIS_PASSWORD in .env: restarts Redis and the services with it"
        )
        return fail(REDIS, f"{address}: it answers, but refuses the password or the user", fix)
    return fail(REDIS, f"{address}: {error.message}", "docker compose up -d redis && docker compose logs redis")


def check_version(address: str, facts: StoreFacts) -> CheckFinding:
    """Check for version 6.2 or newer: events are paged with exclusive ranges, which came with it."""
    if not at_least(facts.version, 6, 2):
        fix = "Use the Redis of compose.yaml, or Redis 6.2 or newer."
        return fail(REDIS, f"{address}: {facts.server}; 6.2 or newer is needed", fix)
    return ok(REDIS, f"{address}: {facts.server}")


def check_durability(facts: StoreFacts) -> Iterator[CheckFinding]:
    """Check that no acknowledged write can be lost or evicted."""
    values = (facts.appendonly, facts.appendfsync, facts.maxmemory_policy)
    for (name, required), value in zip(DURABLE_SETTINGS, values, strict=True):
        label, permanent_fix = f"Redis {name}", f"In redis.conf: {name} {required}"
        fix = f"redis-cli CONFIG SET {name} {required}   # until its next start; permanently: {permanent_fix}"
        if value is None:
            yield warn(label, "this user may not read it", permanent_fix)
        elif value == required:
            yield ok(label, value)
        elif name == "appendfsync" and facts.appendonly == "yes":
            yield warn(label, f"{value}; work of the last second may be repeated after a power cut", fix)
        else:
            yield fail(label, f"{value} instead of {required}: jobs can be lost", fix)
    if facts.last_write != "ok":
        fix = "Is its disk full? Look with: docker compose logs redis; docker system df"
        yield fail("Redis writes", f"the last write to its file failed ({facts.last_write})", fix)
