"""Redis: whether it answers, and whether it keeps what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from scriptorium.doctor.check import Finding, Subject, at_least, fail, ok, skipped, warn
from scriptorium.errors import StoreUnavailable
from scriptorium.store.inspect import PASSWORD, StoreFacts

REDIS = "Redis"
KEPT = (("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction"))


def check_store(subject: Subject) -> Iterator[Finding]:
    """The Redis of the settings, or the local stack's own where that runs."""
    url = subject.settings.store_url
    socket = url.removeprefix("unix://")
    if not subject.settings.redis_url and not subject.probe.exists(socket):
        yield not_running(subject)
        return
    try:
        facts = subject.probe.store(url)
    except StoreUnavailable as error:
        yield unavailable(place(url), error)
        return
    yield version(place(url), facts)
    yield from durable(facts)


def not_running(subject: Subject) -> Finding:
    """Without a Redis in the settings the local stack brings one."""
    if subject.container:
        fix = "SCRIPTORIUM_REDIS_URL=redis://:PASSWORD@redis:6379/0   # the compose files set it from .env"
        return fail(REDIS, "SCRIPTORIUM_REDIS_URL is not set", fix)
    return skipped(REDIS, "the local stack is not running; `scriptorium up` starts its own")


def place(url: str) -> str:
    """Where it is, without the password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def unavailable(where: str, error: StoreUnavailable) -> Finding:
    """Not there, or not for us."""
    if error.param == PASSWORD:
        fix = (
            "docker compose up -d   # after a change of REDIS_PASSWORD in .env: starts Redis and services anew with it"
        )
        return fail(REDIS, f"{where}: it answers, but refuses the password or the user", fix)
    return fail(REDIS, f"{where}: {error.message}", "docker compose up -d redis && docker compose logs redis")


def version(where: str, facts: StoreFacts) -> Finding:
    """Events are paged with exclusive ranges, which came with 6.2."""
    if not at_least(facts.version, 6, 2):
        fix = "Use the Redis of compose.yaml, or Redis 6.2 or newer."
        return fail(REDIS, f"{where}: {facts.server}; 6.2 or newer is needed", fix)
    return ok(REDIS, f"{where}: {facts.server}")


def durable(facts: StoreFacts) -> Iterator[Finding]:
    """Nothing that was answered may be lost, and nothing may be evicted."""
    values = (facts.appendonly, facts.appendfsync, facts.maxmemory_policy)
    for (name, wanted), value in zip(KEPT, values, strict=True):
        label, lasting = f"Redis {name}", f"In redis.conf: {name} {wanted}"
        fix = f"redis-cli CONFIG SET {name} {wanted}   # until its next start; for good: {lasting}"
        if value is None:
            yield warn(label, "this user may not read it", lasting)
        elif value == wanted:
            yield ok(label, value)
        elif name == "appendfsync" and facts.appendonly == "yes":
            yield warn(label, f"{value}; work of the last second may be done twice after a power cut", fix)
        else:
            yield fail(label, f"{value} instead of {wanted}: jobs can be lost", fix)
    if facts.last_write != "ok":
        fix = "Is its disk full? Look with: docker compose logs redis; docker system df"
        yield fail("Redis writes", f"the last write to its file failed ({facts.last_write})", fix)
