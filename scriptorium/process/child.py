"""Child processes: in a session of their own, with a log, dying with their parent, and stopped whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from scriptorium.errors import EnvironmentMissing

MORTAL_LINE = (sys.executable, "-I", "-S", str(Path(__file__).with_name("die_with_parent.py")))


class Child:
    """A running command and everything that it started."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str], cwd: Path | None = None
    ) -> None:
        """Start `command`; its output is appended to `log`. Raises EnvironmentMissing."""
        program = Path(command[0])
        if not program.exists():
            raise EnvironmentMissing(f"{program.name} is not installed: there is no {program}.")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*MORTAL_LINE, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.log = log

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        return self._process.poll()

    def wait(self, timeout: timedelta) -> int | None:
        """Wait for the end at most `timeout`; returns the exit status or None."""
        try:
            return self._process.wait(timeout.total_seconds())
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace: timedelta) -> None:
        """Ask the whole group to end, and end it after `grace`."""
        if self.returncode is None:
            self._signal(signal.SIGTERM)
            self.wait(grace)
        self._signal(signal.SIGKILL)  # also what outlived its leader
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def tail(log: Path, lines: int = 20) -> list[str]:
    """The last lines of a log, of at most 64 KiB, progress bars' overwritten states left out."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        text = file.read().decode("utf-8", errors="replace")
    return [line.rpartition("\r")[2] for line in text.split("\n") if line.strip()][-lines:]


def additions(log: Path, interval: float = 0.5) -> Iterator[str]:
    """Each line that is added to a log from now on, for ever."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        begun = b""
        while True:
            begun += file.readline()
            if begun.endswith(b"\n"):
                yield begun.decode("utf-8", errors="replace").rstrip("\n").rpartition("\r")[2]
                begun = b""
            else:
                time.sleep(interval)


def wait_until(condition: Callable[[], object], timeout: timedelta, interval: float = 0.1) -> bool:
    """Poll `condition()` until it is true; False after `timeout`."""
    deadline = time.monotonic() + timeout.total_seconds()
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
