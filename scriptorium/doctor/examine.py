"""All checks, run side by side, each with a time limit: `examine(subject)`."""

from __future__ import annotations

import threading
import time

from scriptorium.doctor.base_model import check_base_model
from scriptorium.doctor.check import Check, CheckFinding, Subject, fail
from scriptorium.doctor.docker import as_choice, check_builder, check_compose, check_engine
from scriptorium.doctor.driver import check_driver
from scriptorium.doctor.environments import check_environments
from scriptorium.doctor.machine import check_machine
from scriptorium.doctor.passwords import check_passwords
from scriptorium.doctor.ports import check_ports
from scriptorium.doctor.probe import CommandTimeout
from scriptorium.doctor.store import check_store
from scriptorium.doctor.volume import check_volume
from scriptorium.doctor.wsl import check_wsl

CHECK_TIMEOUT = 5.0  # seconds
CHECKS: dict[str, Check] = {
    "machine": check_machine,
    "WSL": check_wsl,
    "GPU": check_driver,
    "Docker": as_choice(check_engine),
    "BuildKit": as_choice(check_builder),
    "Compose": as_choice(check_compose),
    "passwords": check_passwords,
    "ports": check_ports,
    "data folder": check_volume,
    "base model": check_base_model,
    "Redis": check_store,
    "environments": check_environments,
}
HANG_FIX = "Try it by hand; if it hangs there, too, restart what it talks to (driver, Docker, network folder)."


class Examination(threading.Thread):
    """One check in a thread that the program does not wait for at its end."""

    def __init__(self, name: str, check: Check, subject: Subject) -> None:
        super().__init__(name=f"doctor-{name}", daemon=True)
        self._title, self._check, self._subject = name, check, subject
        self._findings: list[CheckFinding] = []

    def run(self) -> None:
        """Collect the findings one by one, so that those before a hang survive."""
        try:
            for finding in self._check(self._subject):
                self._findings.append(finding)
        except CommandTimeout as error:
            self._findings.append(fail(self._title, str(error), HANG_FIX))
        except Exception as error:  # noqa: BLE001  one check that fails must not hide the others
            self._findings.append(fail(self._title, f"the check failed: {error!r}", "Please report this as a bug."))

    def result(self, deadline: float, limit: float) -> list[CheckFinding]:
        """Return the findings of a check by the deadline, and a failure if it has not ended."""
        self.join(max(0.0, deadline - time.monotonic()))
        findings = list(self._findings)
        return [*findings, fail(self._title, f"no answer in {limit:g} s", HANG_FIX)] if self.is_alive() else findings


def examine(subject: Subject, checks: dict[str, Check] = CHECKS, limit: float = CHECK_TIMEOUT) -> list[CheckFinding]:
    """Return every finding, in the order of the checks, in little more than `limit` seconds whatever hangs."""
    examinations = [Examination(name, check, subject) for name, check in checks.items()]
    deadline = time.monotonic() + limit
    for examination in examinations:
        examination.start()
    return [finding for examination in examinations for finding in examination.result(deadline, limit)]
