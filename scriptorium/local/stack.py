"""Start and stop the local stack of a data folder: what `scriptorium up` and `down` do."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import psutil

from scriptorium.access.exposure import check_exposure
from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import StackFailed
from scriptorium.local import state as stack
from scriptorium.local.services import log_path, service_environment
from scriptorium.local.supervisor import STOP_MARGIN
from scriptorium.local.writable import make_writable
from scriptorium.process.child import DIE_WITH_PARENT, tail, wait_until
from scriptorium.settings import Settings

START_TIMEOUT = timedelta(minutes=2)
POLL_INTERVAL = 0.2

# The supervisor outlives the command that starts it. Its handle stays referenced: Python warns if one is dropped.
_started: list[subprocess.Popen[bytes]] = []

Notify = Callable[[str], None]


def up(settings: Settings, notify: Notify, *, attached: bool = False) -> stack.State:
    """Start the stack unless it already runs, and wait until it is ready.

    The stack outlives the process that starts it, unless it is `attached`: then it ends with that process. Raises
    StackFailed, PathUnusable, and InvalidRequest if others could reach the API and there is no key.
    """
    running = stack.find_running(settings)
    if running and running.state != "stopping":
        return wait_ready(settings, running.pid, notify)
    check_exposure(settings)
    log = log_path(settings, "supervisor")
    with disk_errors():
        make_writable(log.parent, "SCRIPTORIUM_DATA_DIR")
        stack.path(settings).unlink(missing_ok=True)  # of a supervisor that was killed
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*(DIE_WITH_PARENT if attached else ()), sys.executable, "-m", "scriptorium.local.supervisor"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=supervisor_environment(settings),
                start_new_session=True,
            )
    _started.append(process)
    return wait_ready(settings, process.pid, notify)


def supervisor_environment(settings: Settings) -> dict[str, str]:
    """Return the supervisor's environment; it starts a Redis if the user's settings name none."""
    return {**service_environment(settings), "SCRIPTORIUM_REDIS_URL": settings.redis_url}


def wait_ready(settings: Settings, pid: int, notify: Notify) -> stack.State:
    """Wait until the supervisor reports "ready". Raises StackFailed with its message if it fails."""
    deadline = time.monotonic() + START_TIMEOUT.total_seconds()
    announced: set[str] = set()
    while time.monotonic() < deadline:
        state = stack.read(settings)
        if state and state.state == "ready" and state.alive:
            return state
        if state and state.state == "failed":
            if state.alive:
                psutil.wait_procs([psutil.Process(state.pid)], timeout=STOP_MARGIN.total_seconds())
            raise StackFailed(state.error or "The stack does not start.")
        if not psutil.pid_exists(pid) or not is_alive(psutil.Process(pid)):
            raise StackFailed(" ".join(tail(log_path(settings, "supervisor"), 2)) or "The supervisor ended at once.")
        for service in state.services if state else []:
            if service.name not in announced:
                notify(f"starting {service.name}")
                announced.add(service.name)
        time.sleep(POLL_INTERVAL)
    raise StackFailed("The stack was not ready in time.", next_step="Read `scriptorium logs supervisor`.")


def down(settings: Settings, notify: Notify) -> bool:
    """Stop the stack and wait until none of it runs; return False if nothing ran."""
    state = stack.find_running(settings)
    if state is None:
        stack.path(settings).unlink(missing_ok=True)
        forget_ended()
        return False
    supervisor = psutil.Process(state.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    notify("stopping (a running training saves a checkpoint first)")
    supervisor.send_signal(signal.SIGTERM)
    timeout = (settings.stop_grace + 2 * STOP_MARGIN) * 2
    if not wait_until(lambda: not any(map(is_alive, family)), timeout):
        for process in filter(is_alive, family):
            process.kill()
    stack.path(settings).unlink(missing_ok=True)
    forget_ended()
    return True


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; a zombie, which only waits to be reaped, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def forget_ended() -> None:
    """Drop the handles of supervisors that have ended."""
    _started[:] = [process for process in _started if process.poll() is None]
