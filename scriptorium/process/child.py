"""Child processes: each in its own session, with a log; they die with their parent and stop with all descendants."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from scriptorium.errors import EnvironmentMissing
from scriptorium.process.scratch import ScratchFolder

DIE_WITH_PARENT = (sys.executable, "-I", "-S", str(Path(__file__).with_name("die_with_parent.py")))


class Child:
    """A running command and all processes that it started, with a folder for their temporary files."""

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        *,
        has_scratch: bool = True,
    ) -> None:
        """Start `command`; its output is appended to `log`. Raises EnvironmentMissing.

        Without a scratch folder its temporary files lie where ours do, and stay.
        """
        program = Path(command[0])
        if not program.exists():
            raise EnvironmentMissing(f"{program.name} is not installed: {program} does not exist.")
        log.parent.mkdir(parents=True, exist_ok=True)
        self._scratch = ScratchFolder() if has_scratch else None
        temporary = {"TMPDIR": str(self._scratch.folder)} if self._scratch else {}
        with log.open("ab") as output:
            self.log_start = output.tell()  # the log may hold earlier commands' lines
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**env, **temporary},
                cwd=cwd,
                start_new_session=True,
            )
        self.pid = self._process.pid
        self.log = log

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        status = self._process.poll()
        if status is not None and self._scratch:
            self._scratch.remove()
        return status

    def wait(self, timeout: timedelta) -> int | None:
        """Wait at most `timeout` for the end; returns the exit status or None."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout.total_seconds())
        return self.returncode

    def stop(self, grace: timedelta) -> None:
        """Ask the whole process group to end, and kill it after `grace`."""
        if self.returncode is None:
            self._signal(signal.SIGTERM)
            self.wait(grace)
        self._signal(signal.SIGKILL)  # also processes that outlived the group's leader
        self._process.wait()
        if self._scratch:
            self._scratch.remove()

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def tail(log: Path, lines: int = 20) -> list[str]:
    """Return the last lines of a log, from its last 64 KiB, without the overwritten states of progress bars."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65536))
        text = file.read().decode("utf-8", errors="replace")
    return [line.rpartition("\r")[2] for line in text.split("\n") if line.strip()][-lines:]


def follow_lines(log: Path, interval: float = 0.5) -> Iterator[str]:
    """Yield each line that is added to a log from now on, forever, across its rotations."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        line = b""
        while True:
            line += file.readline()
            if line.endswith(b"\n"):
                yield line.decode("utf-8", errors="replace").rstrip("\n").rpartition("\r")[2]
                line = b""
            else:
                if log.stat().st_size < file.tell():  # it was emptied
                    file.seek(0)
                time.sleep(interval)


def wait_until(condition: Callable[[], object], timeout: timedelta, interval: float = 0.1) -> bool:
    """Poll `condition()` until it is true and return True; return False after `timeout`."""
    deadline = time.monotonic() + timeout.total_seconds()
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
