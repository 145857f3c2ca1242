"""The finding of a check: ok, a warning, a failure, or skipped because the check does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from scriptorium.doctor.probe import Probe
from scriptorium.settings import Settings

HOST = "host"
SERVICE_VARIABLE = "SCRIPTORIUM_SERVICE"  # each of our images sets it to the service that it runs
TORCH_SERVICES = ("trainer", "server")
GPU_USERS = (HOST, *TORCH_SERVICES)
SERVICES = (HOST, "api", "data", "trainer", "merger", "server", "evaluator")
GIB = 1 << 30
GB = 10**9  # the unit that disks and models are sold by


class CheckStatus(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class CheckFinding:
    """One line of the doctor's output: the check, what it saw, and how to fix it."""

    check: str
    status: CheckStatus
    seen: str  # a key of the JSON output
    fix: str = ""


@dataclass(frozen=True)
class Subject:
    """The machine or the service's container that is examined, with its settings; `docker`: containers must work."""

    probe: Probe
    settings: Settings
    service: str = HOST
    docker: bool = False

    @property
    def container(self) -> bool:
        """True inside one of our containers, whose images set a variable."""
        return bool(self.probe.environ.get(SERVICE_VARIABLE))

    @property
    def compose_name(self) -> str:
        """The service's name in the compose files."""
        return (
            f"{self.service}-cpu" if self.service in TORCH_SERVICES and self.settings.device == "cpu" else self.service
        )

    @property
    def wsl(self) -> bool:
        """True if Linux runs inside Windows; a container on WSL sees the same kernel."""
        return "microsoft" in (self.probe.read("/proc/sys/kernel/osrelease") or "").lower()


Check = Callable[[Subject], Iterator[CheckFinding]]


def ok(check: str, observation: str) -> CheckFinding:
    """Return a finding that needs no action."""
    return CheckFinding(check, CheckStatus.OK, observation)


def warn(check: str, observation: str, fix: str) -> CheckFinding:
    """Return a finding for what works, but worse than it could, or not for long."""
    return CheckFinding(check, CheckStatus.WARN, observation, fix)


def fail(check: str, observation: str, fix: str) -> CheckFinding:
    """Return a finding for what will not work."""
    return CheckFinding(check, CheckStatus.FAIL, observation, fix)


def skipped(check: str, reason: str) -> CheckFinding:
    """Return a finding for a check that does not apply, with the reason."""
    return CheckFinding(check, CheckStatus.SKIPPED, reason)


def at_least(version: str, *minimum: int) -> bool | None:
    """Return whether a version such as "20.10.24+dfsg1" is at least `minimum`; None if it is no version."""
    numbers = parse_version(version)
    return numbers >= minimum if numbers else None


def parse_version(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: (2, 29, 1) for "v2.29.1-desktop.1"; () if it is no version."""
    numbers = []
    for part in version.strip().removeprefix("v").split("."):
        digits = part[: next((i for i, sign in enumerate(part) if sign not in "0123456789"), len(part))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
