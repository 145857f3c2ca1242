"""The aftermath: what must not be left when every job has ended, and when everything was stopped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.process.scratch import PREFIX
from tests.faults.matrix.machine import Machine, command, wait_for
from tests.faults.matrix.witness import BrokenPromise

SWEPT = 60.0  # seconds until the sweeper has been there
PLACE_OF_LINKS = re.compile(r"files/file-|runs/ftjob-\w+/(dataset|training|merged|report|variants)/")
TEMPORARY = re.compile(r"\.tmp(/|$)")


def check_store_is_empty(machine: Machine) -> Iterator[BrokenPromise]:
    """Yield leases and sessions that nobody should have when every job has ended, and temporary folders."""

    def list_remains() -> list[str]:
        with machine.store() as store:
            names = [str(key) for key in store.client.scan_iter("scriptorium:lease:ftjob-*")]
            return names + [f"session of {session.job_id}" for session in store.serving.sessions()]

    if not wait_for("no lease and no session is left", lambda: not list_remains(), SWEPT):
        yield from (BrokenPromise("stuck", f"left in the store: {name}") for name in list_remains())
    if not wait_for("no temporary file is left", lambda: not temporary_files(machine), SWEPT):
        yield from (BrokenPromise("stuck", f"left on the disk: {path}") for path in temporary_files(machine))


def temporary_files(machine: Machine) -> list[str]:
    """Return the temporary files and folders of jobs."""
    paths = (path.relative_to(machine.disk).as_posix() for path in (machine.disk / "runs").rglob("*.tmp"))
    return sorted(path for path in paths if TEMPORARY.search(path))


def check_left(machine: Machine) -> Iterator[BrokenPromise]:
    """Yield processes, temporary files and hard links that are left when everything was stopped."""
    yield from (BrokenPromise("stuck", f"still runs: {command(process)}") for process in machine.processes())
    for path in machine.temporary.iterdir():
        if path.name != "redis" and not path.name.startswith(PREFIX):  # the next child removes those
            yield BrokenPromise("stuck", f"left of the temporary files: {path.name}")
    for path in machine.disk.rglob("*"):
        if (
            path.is_file()
            and path.stat().st_nlink > 1
            and not PLACE_OF_LINKS.match(str(path.relative_to(machine.disk)))
        ):
            yield BrokenPromise("stuck", f"a second link: {path.relative_to(machine.disk)}")
