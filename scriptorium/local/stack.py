"""Start, look at and stop the local stack of a data folder: what `scriptorium up`, `status` and `down` do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import psutil

from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import StackFailed
from scriptorium.local import state as stack
from scriptorium.local.services import log_path, variables
from scriptorium.local.supervisor import PATIENCE
from scriptorium.process.child import MORTAL_LINE, tail, wait_until
from scriptorium.settings import Settings

START = timedelta(minutes=2)
LOOK = 0.2

# The supervisor outlives the command that starts it. Its handle is kept: Python takes one that is dropped for a leak.
_started: list[subprocess.Popen[bytes]] = []

Tell = Callable[[str], None]


def up(settings: Settings, tell: Tell, *, attached: bool = False) -> stack.State:
    """Start the stack and wait until it is ready; one that runs already is left as it is. Raises StackFailed.

    It outlives the process that starts it, unless it is `attached`: then it dies with it, however that ends.
    """
    found = stack.running(settings)
    if found and found.state != "stopping":
        return wait_ready(settings, found.pid, tell)
    with disk_errors():
        log = log_path(settings, "supervisor")
        log.parent.mkdir(parents=True, exist_ok=True)
        stack.path(settings).unlink(missing_ok=True)  # of a supervisor that was killed
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*(MORTAL_LINE if attached else ()), sys.executable, "-m", "scriptorium.local.supervisor"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=given(settings),
                start_new_session=True,
            )
    _started.append(process)
    return wait_ready(settings, process.pid, tell)


def given(settings: Settings) -> dict[str, str]:
    """The supervisor's environment; without a Redis of the user's it starts one."""
    return {**variables(settings), "SCRIPTORIUM_REDIS_URL": settings.redis_url}


def wait_ready(settings: Settings, pid: int, tell: Tell) -> stack.State:
    """Wait until the supervisor says "ready"; raises StackFailed with its own words where it says something else."""
    deadline = time.monotonic() + START.total_seconds()
    told: set[str] = set()
    while time.monotonic() < deadline:
        state = stack.read(settings)
        if state and state.state == "ready" and state.alive:
            return state
        if state and state.state == "failed":
            if state.alive:
                psutil.wait_procs([psutil.Process(state.pid)], timeout=PATIENCE.total_seconds())
            raise StackFailed(state.error or "The stack does not start.")
        if not psutil.pid_exists(pid) or not living(psutil.Process(pid)):
            raise StackFailed(" ".join(tail(log_path(settings, "supervisor"), 2)) or "The supervisor ended at once.")
        for service in state.services if state else []:
            if service.name not in told:
                tell(f"starting {service.name}")
                told.add(service.name)
        time.sleep(LOOK)
    raise StackFailed("The stack was not ready in time.", next_step="Read `scriptorium logs supervisor`.")


def down(settings: Settings, tell: Tell) -> bool:
    """Stop the stack and wait until nothing of it runs; False where nothing ran."""
    state = stack.running(settings)
    if state is None:
        stack.path(settings).unlink(missing_ok=True)
        forget_ended()
        return False
    supervisor = psutil.Process(state.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    tell("stopping (a training saves a checkpoint first)")
    supervisor.send_signal(signal.SIGTERM)
    patience = (settings.stop_grace + 2 * PATIENCE) * 2
    if not wait_until(lambda: not any(map(living, family)), patience):
        for process in filter(living, family):
            process.kill()
    stack.path(settings).unlink(missing_ok=True)
    forget_ended()
    return True


def living(process: psutil.Process) -> bool:
    """Whether a process still does anything; one that only waits for its parent to look at it does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def forget_ended() -> None:
    """Drop the handles of supervisors that have ended."""
    _started[:] = [process for process in _started if process.poll() is None]
