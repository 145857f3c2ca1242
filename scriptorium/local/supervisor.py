"""The supervisor: starts every service, restarts those that die, and leaves nothing behind.

    python -m scriptorium.local.supervisor        (what `scriptorium up` starts in the background)

It is the "subreaper" of everything it starts: a process whose parent died becomes its child, and is killed.
"""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

import httpx
import psutil

from scriptorium.errors import DiskFull, ScriptoriumError, StackFailed
from scriptorium.local import state as stack
from scriptorium.local.services import REDIS, Command, commands, log_path
from scriptorium.process.child import Child, tail, wait_until
from scriptorium.process.log_files import rotate_logs
from scriptorium.process.log_records import log_one_line_each
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings, get_settings
from scriptorium.store import open_store

log = logging.getLogger(__name__)

PR_SET_CHILD_SUBREAPER = 36
MIN_FREE_MIB = 256
POLL_INTERVAL = 0.5
START_TIMEOUT = timedelta(seconds=60)
MAX_RESTART_PAUSE = 30.0
STOP_MARGIN = timedelta(seconds=5)  # beyond the grace that a service gives its own children


class SupervisedService:
    """One service: its child, and when it may be started again."""

    def __init__(self, command: Command, settings: Settings) -> None:
        self.command = command
        self.restarts = -1
        self._settings = settings
        self._retry_at = 0.0
        self.start()

    def start(self) -> None:
        """Start the service."""
        self.restarts += 1
        self.started = time.time()
        log_file = log_path(self._settings, self.command.name)
        self.child = Child(self.command.line, log_file, self.command.env, has_scratch=False)

    def restart_if_dead(self) -> None:
        """Restart the service if it died, after a growing pause if it keeps dying."""
        if self.child.returncode is None:
            return
        if not self._retry_at:
            ran_long = time.time() - self.started > MAX_RESTART_PAUSE
            pause = 0.0 if ran_long else min(MAX_RESTART_PAUSE, 2.0 ** min(self.restarts, 5))
            log.warning("%s ended with status %s; again in %.0f s", self.command.name, self.child.returncode, pause)
            self._retry_at = time.monotonic() + pause
        if time.monotonic() >= self._retry_at:
            self._retry_at = 0.0
            self.start()

    def describe(self) -> stack.Service:
        """Return the service's entry in the state file."""
        return stack.Service(name=self.command.name, pid=self.child.pid, started=self.started, restarts=self.restarts)


class Supervisor:
    """Starts, watches and stops the services of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._services: list[SupervisedService] = []
        self._ended = threading.Event()
        url = f"http://{settings.api_host}:{settings.api_port}"
        process = psutil.Process()
        self._state = stack.State(pid=process.pid, created=process.create_time(), state="starting", api_url=url)

    def run(self) -> int:
        """Run until a signal to stop; return the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        become_subreaper()
        try:
            self._start_services()
            while not self._ended.wait(POLL_INTERVAL):
                self._check_services()
        except ScriptoriumError as error:
            self._write_state("failed", error=f"{error} {error.next_step or ''}".strip())
            return 1
        else:
            self._write_state("stopping")
            return 0
        finally:
            self._stop()

    def _start_services(self) -> None:
        self._write_state("starting")
        check_free_space(self._settings)
        check_port(self._settings)
        for folder in (self._settings.runtime_dir, self._settings.data_dir / "redis"):
            make_private(folder)
        for command in commands(self._settings):
            if not self._ended.is_set():
                self._start(command)
        self._await("api", lambda: is_healthy(self._state.api_url))
        self._write_state("ready")

    def _start(self, command: Command) -> None:
        self._services.append(SupervisedService(command, self._settings))
        self._write_state("starting")
        if command.name == REDIS:
            self._await(REDIS, open_store(self._settings.store_url).ping)

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        """Wait until a service answers. Raises StackFailed with its last log lines if it ends instead."""
        service = next(service for service in self._services if service.command.name == name)

        def has_started_or_ended() -> bool:
            return answers() or service.child.returncode is not None or self._ended.is_set()

        if not wait_until(has_started_or_ended, START_TIMEOUT) or service.child.returncode is not None:
            last_lines = " ".join(tail(log_path(self._settings, name), 3))
            raise StackFailed(f"{name} does not start: {last_lines}", next_step=f"Read `scriptorium logs {name}`.")

    def _check_services(self) -> None:
        before = [service.describe() for service in self._services]
        for service in self._services:
            service.restart_if_dead()
        end_orphans({service.child.pid for service in self._services})
        names = ("supervisor", *(service.command.name for service in self._services))
        rotate_logs([log_path(self._settings, name) for name in names], self._settings.max_log_bytes)
        if before != [service.describe() for service in self._services]:
            self._write_state("ready")

    def _stop(self) -> None:
        """Stop the services, the store last: the others still write to it where they stopped."""
        clients = [service for service in self._services if service.command.name != REDIS]
        grace = self._settings.stop_grace + STOP_MARGIN
        stop_all(clients, grace)
        stop_all([service for service in self._services if service.command.name == REDIS], grace)
        wait_until(lambda: not end_orphans(set()), STOP_MARGIN)  # the children of an orphan become orphans in turn
        if self._state.state != "failed":
            stack.path(self._settings).unlink(missing_ok=True)
        shutil.rmtree(self._settings.runtime_dir, ignore_errors=True)

    def _write_state(self, state: str, error: str | None = None) -> None:
        services = [service.describe() for service in self._services]
        changes = {"state": state, "error": error, "services": services}
        self._state = self._state.model_copy(update=changes)
        stack.write(self._settings, self._state)


def stop_all(services: Iterable[SupervisedService], grace: timedelta) -> None:
    """Stop services in parallel."""
    threads = [threading.Thread(target=service.child.stop, args=(grace,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def become_subreaper() -> None:
    """Inherit the orphans of everything that is started from here (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_orphans(known: set[int]) -> int:
    """Kill children that were not started here, whose own parents are gone; return their number."""
    orphans = [process for process in psutil.Process().children() if process.pid not in known]
    for process in orphans:
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                log.warning("ending the orphan %s: %s", process.pid, " ".join(process.cmdline()[:4]))
                process.kill()
            os.waitpid(process.pid, os.WNOHANG)
        except (psutil.NoSuchProcess, ChildProcessError):
            continue
    return len(orphans)


def check_free_space(settings: Settings) -> None:
    """Raise DiskFull if the disk is full: the store could not save its data."""
    free = shutil.disk_usage(settings.data_dir).free // 2**20
    if free < MIN_FREE_MIB:
        raise DiskFull(f"Only {free} MiB are free on the disk of {settings.data_dir}; {MIN_FREE_MIB} MiB are needed.")


def make_private(folder: Path) -> None:
    """Create a folder that only this user may enter. Raises StackFailed if another user owns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise StackFailed(f"{folder} belongs to another user.", next_step="Have it removed, then try again.")


def check_port(settings: Settings) -> None:
    """Raise StackFailed if the API's port is in use."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise StackFailed(
                f"The API cannot listen on {settings.api_host}:{settings.api_port}: {error.strerror}.",
                next_step="Stop what listens there, or choose another port (`scriptorium up --port 0`: any).",
            ) from None


def is_healthy(url: str) -> bool:
    """Return whether the API answers."""
    try:
        return httpx.get(f"{url}/healthz", timeout=2, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def main() -> int:
    """Supervise the data folder of the settings, as its only supervisor."""
    log_one_line_each()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = get_settings()
    if settings.api_port == 0:
        settings = settings.model_copy(update={"api_port": free_port(settings.api_host)})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = stack.lock(settings)
    if lock is None:
        log.error("another supervisor already runs on %s", settings.data_dir)
        return 1
    with lock:
        return Supervisor(settings).run()


if __name__ == "__main__":
    raise SystemExit(main())
