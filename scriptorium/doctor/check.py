"""What a check finds: ok, a warning, a failure, or nothing because it was not its place to look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from scriptorium.doctor.probe import Probe
from scriptorium.settings import Settings

HOST = "host"
SERVICE = "SCRIPTORIUM_SERVICE"  # every image of ours sets it to the service that it is for
HEAVY = ("trainer", "server")  # what runs torch
GPU_USERS = (HOST, *HEAVY)
SERVICES = (HOST, "api", "data", "trainer", "merger", "server", "evaluator")
GIB = 1 << 30
GB = 10**9  # what disks and models are sold by


class Status(StrEnum):
    """How it looks."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: what was looked at, what was seen, and how to mend it."""

    check: str
    status: Status
    seen: str
    fix: str = ""


@dataclass(frozen=True)
class Subject:
    """What is examined: a machine, or one service's container, with its settings."""

    probe: Probe
    settings: Settings
    service: str = HOST

    @property
    def container(self) -> bool:
        """Whether this is the inside of one of our containers: their images say so."""
        return bool(self.probe.environ.get(SERVICE))

    @property
    def compose_name(self) -> str:
        """The service's name in the compose files."""
        return f"{self.service}-cpu" if self.service in HEAVY and self.settings.device == "cpu" else self.service

    @property
    def wsl(self) -> bool:
        """Whether Linux runs inside Windows; a container on WSL sees the same kernel."""
        return "microsoft" in (self.probe.read("/proc/sys/kernel/osrelease") or "").lower()


Check = Callable[[Subject], Iterator[Finding]]


def ok(check: str, seen: str) -> Finding:
    """Nothing to do."""
    return Finding(check, Status.OK, seen)


def warn(check: str, seen: str, fix: str) -> Finding:
    """It works, but worse than it could, or not for long."""
    return Finding(check, Status.WARN, seen, fix)


def fail(check: str, seen: str, fix: str) -> Finding:
    """It will not work."""
    return Finding(check, Status.FAIL, seen, fix)


def skipped(check: str, why: str) -> Finding:
    """Not looked at."""
    return Finding(check, Status.SKIPPED, why)


def at_least(version: str, *wanted: int) -> bool | None:
    """Whether a version such as "20.10.24+dfsg1" reaches `wanted`; None where it is no version."""
    numbers = parse_version(version)
    return numbers >= wanted if numbers else None


def parse_version(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "v2.29.1-desktop.1" gives (2, 29, 1); nothing for what is none."""
    numbers = []
    for part in version.strip().removeprefix("v").split("."):
        digits = part[: next((i for i, sign in enumerate(part) if sign not in "0123456789"), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
