"""Run every check side by side, each with a time limit: `examine(subject)`."""

from __future__ import annotations

import threading
import time

from scriptorium.doctor.base_model import check_base_model
from scriptorium.doctor.check import Check, Finding, Subject, fail
from scriptorium.doctor.docker import check_builder, check_compose, check_engine
from scriptorium.doctor.driver import check_driver
from scriptorium.doctor.environments import check_environments
from scriptorium.doctor.machine import check_machine
from scriptorium.doctor.passwords import check_passwords
from scriptorium.doctor.ports import check_ports
from scriptorium.doctor.probe import Hangs
from scriptorium.doctor.store import check_store
from scriptorium.doctor.volume import check_volume
from scriptorium.doctor.wsl import check_wsl

LIMIT = 5.0  # seconds for a check
CHECKS: dict[str, Check] = {
    "machine": check_machine,
    "WSL": check_wsl,
    "GPU": check_driver,
    "Docker": check_engine,
    "BuildKit": check_builder,
    "Compose": check_compose,
    "passwords": check_passwords,
    "ports": check_ports,
    "data folder": check_volume,
    "base model": check_base_model,
    "Redis": check_store,
    "environments": check_environments,
}
HUNG = "Try it by hand; where it hangs there, too, restart what it talks to (driver, Docker, network folder)."


class Examination(threading.Thread):
    """One check in a thread that the program does not wait for at its end."""

    def __init__(self, name: str, check: Check, subject: Subject) -> None:
        super().__init__(name=f"doctor-{name}", daemon=True)
        self._title, self._check, self._subject = name, check, subject
        self._found: list[Finding] = []

    def run(self) -> None:
        """Collect what is found, one by one, so that what comes before a hang is kept."""
        try:
            for finding in self._check(self._subject):
                self._found.append(finding)
        except Hangs as error:
            self._found.append(fail(self._title, str(error), HUNG))
        except Exception as error:  # noqa: BLE001  one check that breaks must not hide the others
            self._found.append(fail(self._title, f"the check broke: {error!r}", "Please report this as a bug."))

    def result(self, deadline: float, limit: float) -> list[Finding]:
        """What was found by the deadline."""
        self.join(max(0.0, deadline - time.monotonic()))
        found = list(self._found)
        return [*found, fail(self._title, f"no answer in {limit:g} s", HUNG)] if self.is_alive() else found


def examine(subject: Subject, checks: dict[str, Check] = CHECKS, limit: float = LIMIT) -> list[Finding]:
    """Every finding, in the order of the checks; takes little more than `limit` seconds, whatever hangs."""
    examinations = [Examination(name, check, subject) for name, check in checks.items()]
    deadline = time.monotonic() + limit
    for examination in examinations:
        examination.start()
    return [finding for examination in examinations for finding in examination.result(deadline, limit)]
