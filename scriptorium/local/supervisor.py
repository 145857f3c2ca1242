"""The supervisor: starts every service, restarts those that die, and leaves nothing behind.

    python -m scriptorium.local.supervisor        (what `scriptorium up` starts in the background)

It is the "subreaper" of all that it starts: a process whose parent died becomes its child, and is ended.
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
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings, get_settings
from scriptorium.store import open_store

log = logging.getLogger(__name__)

PR_SET_CHILD_SUBREAPER = 36
NEEDED_MIB = 256
LOOK = 0.5
START = timedelta(seconds=60)
MAX_PAUSE = 30.0
PATIENCE = timedelta(seconds=5)  # beyond the grace that a service gives its own children


class Supervised:
    """One service: its child, and when it may be started again."""

    def __init__(self, command: Command, settings: Settings) -> None:
        self.command = command
        self.restarts = -1
        self._settings = settings
        self._retry_at = 0.0
        self.start()

    def start(self) -> None:
        """Start it."""
        self.restarts += 1
        self.started = time.time()
        self.child = Child(self.command.line, log_path(self._settings, self.command.name), self.command.env)

    def keep(self) -> None:
        """Start it again if it died; later and later if it keeps dying."""
        if self.child.returncode is None:
            return
        if not self._retry_at:
            pause = 0.0 if time.time() - self.started > MAX_PAUSE else min(MAX_PAUSE, 2.0 ** min(self.restarts, 5))
            log.warning("%s ended with status %s; again in %.0f s", self.command.name, self.child.returncode, pause)
            self._retry_at = time.monotonic() + pause
        if time.monotonic() >= self._retry_at:
            self._retry_at = 0.0
            self.start()

    def describe(self) -> stack.Service:
        """What the state file says of it."""
        return stack.Service(name=self.command.name, pid=self.child.pid, started=self.started, restarts=self.restarts)


class Supervisor:
    """Starts, watches and stops the services of one data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._services: list[Supervised] = []
        self._ended = threading.Event()
        url = f"http://{settings.api_host}:{settings.api_port}"
        me = psutil.Process()
        self._state = stack.State(pid=me.pid, created=me.create_time(), state="starting", api_url=url)

    def run(self) -> int:
        """Run until told to stop; returns the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._ended.set())
        become_subreaper()
        try:
            self._begin()
            while not self._ended.wait(LOOK):
                self._look()
        except ScriptoriumError as error:
            self._say("failed", error=f"{error} {error.next_step or ''}".strip())
            return 1
        else:
            self._say("stopping")
            return 0
        finally:
            self._stop()

    def _begin(self) -> None:
        self._say("starting")
        check_room(self._settings)
        check_port(self._settings)
        for folder in (self._settings.runtime_dir, self._settings.data_dir / "redis"):
            make_private(folder)
        for command in commands(self._settings):
            if not self._ended.is_set():
                self._start(command)
        self._await("api", lambda: healthy(self._state.api_url))
        self._say("ready")

    def _start(self, command: Command) -> None:
        self._services.append(Supervised(command, self._settings))
        self._say("starting")
        if command.name == REDIS:
            self._await(REDIS, open_store(self._settings.store_url).ping)

    def _await(self, name: str, answers: Callable[[], bool]) -> None:
        """Wait until a service answers; raises StackFailed with its last words where it ends instead."""
        service = next(service for service in self._services if service.command.name == name)

        def settled() -> bool:
            return answers() or service.child.returncode is not None or self._ended.is_set()

        if not wait_until(settled, START) or service.child.returncode is not None:
            words = " ".join(tail(log_path(self._settings, name), 3))
            raise StackFailed(f"{name} does not start: {words}", next_step=f"Read `scriptorium logs {name}`.")

    def _look(self) -> None:
        before = [service.describe() for service in self._services]
        for service in self._services:
            service.keep()
        end_orphans({service.child.pid for service in self._services})
        if before != [service.describe() for service in self._services]:
            self._say("ready")

    def _stop(self) -> None:
        """The store goes last: the others still have to say where they stopped."""
        first = [service for service in self._services if service.command.name != REDIS]
        grace = self._settings.stop_grace + PATIENCE
        stop_all(first, grace)
        stop_all([service for service in self._services if service.command.name == REDIS], grace)
        wait_until(lambda: not end_orphans(set()), PATIENCE)  # the children of an orphan become orphans in turn
        if self._state.state != "failed":
            stack.path(self._settings).unlink(missing_ok=True)
        shutil.rmtree(self._settings.runtime_dir, ignore_errors=True)

    def _say(self, state: str, error: str | None = None) -> None:
        services = [service.describe() for service in self._services]
        changes = {"state": state, "error": error, "services": services}
        self._state = self._state.model_copy(update=changes)
        stack.write(self._settings, self._state)


def stop_all(services: Iterable[Supervised], grace: timedelta) -> None:
    """Stop services side by side."""
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
    """End children that nobody here started: their own parents are gone. Returns how many there were."""
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


def check_room(settings: Settings) -> None:
    """Refuse to start on a full disk: the store could not keep what it is told."""
    free = shutil.disk_usage(settings.data_dir).free // 2**20
    if free < NEEDED_MIB:
        raise DiskFull(f"Only {free} MiB are free on the disk of {settings.data_dir}; {NEEDED_MIB} MiB are needed.")


def make_private(folder: Path) -> None:
    """Make a folder that only we may enter; raises StackFailed where somebody else was there first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise StackFailed(f"{folder} belongs to another user.", next_step="Have it removed, then try again.")


def check_port(settings: Settings) -> None:
    """Refuse a port that somebody listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.api_host, settings.api_port))
        except OSError as error:
            raise StackFailed(
                f"The API cannot listen on {settings.api_host}:{settings.api_port}: {error.strerror}.",
                next_step="Stop what listens there, or choose another port (`scriptorium up --port 0`: any).",
            ) from None


def healthy(url: str) -> bool:
    """Whether the API answers."""
    try:
        return httpx.get(f"{url}/healthz", timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def main() -> int:
    """Supervise the data folder of the settings, alone."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = get_settings()
    if settings.api_port == 0:
        settings = settings.model_copy(update={"api_port": free_port(settings.api_host)})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    held = stack.lock(settings)
    if held is None:
        log.error("another supervisor holds %s", settings.data_dir)
        return 1
    with held:
        return Supervisor(settings).run()


if __name__ == "__main__":
    raise SystemExit(main())
