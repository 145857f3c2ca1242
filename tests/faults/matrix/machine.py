"""The machine under attack: a whole stack on a small disk of its own, with a Redis behind a proxy, and spare workers.

Processes are the real ones. Each phase has a second worker, as on a second host: one that was frozen for longer than
its lease comes back when the other has taken over.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import httpx
import openai
import psutil

from scriptorium.contracts import Job
from scriptorium.gpu_check.random_model import write_model
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.local import stack, state
from scriptorium.local.services import redis_line, service_environment
from scriptorium.local.supervisor import become_subreaper, end_orphans
from scriptorium.process.child import DIE_WITH_PARENT, wait_until
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings
from scriptorium.store import Store, open_store
from tests.faults.matrix.clock import Clock
from tests.faults.matrix.redis_proxy import RedisProxy

Outcome = TypeVar("Outcome")
BASE = "tiny"
DISK = "disk"
OWN_DISK = "SCRIPTORIUM_FAULTS_OWN_DISK"  # set inside the mount namespace of __main__
DISK_MIB = 1500
SPARE_WORKERS = ("data", "trainer", "merger", "evaluator")
LEASE = timedelta(seconds=4)
SETTINGS = {
    "LEASE_TTL": "PT4S",
    "HEARTBEAT": "PT0.5S",
    "REAPER_INTERVAL": "PT1S",
    "REAPER_GRACE": "PT2S",
    "DEVICE_PATIENCE": "PT1S",
    "STOP_GRACE": "PT15S",
    "EXIT_GRACE": "PT5S",
    "STALL_TIMEOUT": "PT5M",
    "SWEEP_INTERVAL": "PT20S",
    "SWEEP_GRACE": "PT10S",
    "MAX_ATTEMPTS": "60",  # the faults of a night in ten minutes
    "MIN_FREE_BYTES": str(32 * 2**20),
    "ENGINE_CONTEXT": "2048",
    "EVALUATION_PROMPTS": "2",
    "EVALUATION_PASSAGES": "3",
    "EVALUATION_MAX_TOKENS": "24",
    "EVALUATION_INSTRUCTIONS": "4",
    "EVALUATION_SCENES": "2",
    "EVALUATION_REWRITES": "0",
    "EVALUATION_JUDGED_PROMPTS": "0",
}


@dataclass
class Machine:
    """A running stack, and what its attacker may reach."""

    settings: Settings
    proxy: RedisProxy
    clock: Clock
    temporary: Path
    spares: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    redis: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self.settings.api_port}"

    @property
    def disk(self) -> Path:
        """The folder that is a disk of its own."""
        return self.settings.data_dir

    def start(self) -> None:
        """Start Redis, unless it runs, then everything else."""
        self.start_redis()
        stack.up(self.settings, notify=lambda _: None, attached=True)
        self.start_spares()

    def start_redis(self) -> None:
        """Start Redis with the product's own options, unless it runs."""
        if self.redis is not None and self.redis.poll() is None:
            return
        self.redis_socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.disk / "redis").mkdir(exist_ok=True)
        log = (self.disk.parent / "redis.log").open("ab")
        with log:
            line = [*DIE_WITH_PARENT, *redis_line(self.settings)]
            place = line.index("--unixsocket") + 1
            line[place] = str(self.redis_socket)
            self.redis = subprocess.Popen(line, env=os.environ | self.clock.environment, stdout=log, stderr=log)

    def start_spares(self) -> None:
        """Start the second worker of each phase, unless it runs."""
        for name in SPARE_WORKERS:
            if name not in self.spares or self.spares[name].poll() is not None:
                log = (self.disk.parent / f"spare-{name}.log").open("ab")
                line = [*DIE_WITH_PARENT, sys.executable, "-m", f"services.{name}.worker"]
                with log:
                    self.spares[name] = subprocess.Popen(
                        line, env={**service_environment(self.settings)}, stdout=log, stderr=log
                    )

    def keep_running(self) -> None:
        """Start again what has ended, as a restart policy does, and end what lost its parent, as a container does."""
        own = [self.redis, *self.spares.values(), *stack._started]
        end_orphans({process.pid for process in own if process})
        self.start_redis()
        if state.find_running(self.settings) is None:
            stack.up(self.settings, notify=lambda _: None, attached=True)
        self.start_spares()

    def stop(self) -> None:
        """Stop everything in order, Redis last."""
        for process in self.spares.values():
            process.terminate()
        stack.down(self.settings, notify=lambda _: None)
        for process in self.spares.values():
            process.wait(40)
        if self.redis:
            self.redis.terminate()
            self.redis.wait(20)
        self.proxy.stop()

    @property
    def redis_socket(self) -> Path:
        """Redis's own socket, behind the proxy."""
        return self.temporary / "redis" / "redis.sock"

    def pids(self, service: str) -> list[int]:
        """Return the process ids of a service: the supervised one, then the spare one."""
        status = state.find_running(self.settings)
        mine = [entry.pid for entry in status.services if entry.name == service] if status else []
        spare = self.spares.get(service)
        return [*mine, *([spare.pid] if spare and spare.poll() is None else [])]

    def supervisor(self) -> int | None:
        """Return the supervisor's process id, if it runs."""
        status = state.find_running(self.settings)
        return status.pid if status else None

    def children(self, *words: str) -> list[psutil.Process]:
        """Return the processes below the services with one of the words in their command lines."""
        parents = [pid for name in ("trainer", "server") for pid in self.pids(name)]
        return [child for pid in parents for child in descendants(pid) if any(w in command(child) for w in words)]

    def processes(self) -> list[psutil.Process]:
        """Return every process on this machine's data folder, but those of the attacker."""
        mark = f"SCRIPTORIUM_DATA_DIR={self.settings.data_dir}"
        return [
            process for process in psutil.process_iter() if mark in environment(process) and stack.is_alive(process)
        ]

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Yield a store that no cut of the proxy reaches."""
        store = open_store(f"unix://{self.redis_socket}")
        try:
            yield store
        finally:
            store.client.close()

    def jobs(self, job_ids: Iterable[str]) -> list[Job]:
        """Return the records of jobs, as the store has them."""
        with self.store() as store:
            return [store.jobs.get(job_id) for job_id in job_ids]

    def openai(self) -> openai.OpenAI:
        """Return a patient client of the API."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=10)

    def http(self) -> httpx.Client:
        """Return a client of the API."""
        return httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def is_well(self) -> bool:
        """Return whether everything that has ended runs again, and the API answers."""
        try:
            self.keep_running()
            return httpx.get(f"{self.url}/healthz", timeout=5, trust_env=False).status_code == httpx.codes.OK
        except Exception:  # noqa: BLE001  whatever it is, it is not well yet
            return False


@contextlib.contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """Start a machine whose data folder is a disk of its own below `folder`, and stop it at the end."""
    disk, temporary = folder / DISK, folder / "t"
    for path in (disk, temporary):
        path.mkdir(parents=True)
    become_subreaper()
    mount(disk)
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    write_model(disk / "models" / BASE, SHAPES["tiny"])
    proxy = RedisProxy(temporary / "redis" / "redis.sock")
    places = {"DATA_DIR": str(disk), "API_PORT": str(free_port()), "REDIS_URL": proxy.start(), "DEVICE": "cpu"}
    for name, value in (SETTINGS | places).items():
        os.environ[f"SCRIPTORIUM_{name}"] = value
    settings = Settings()
    running = Machine(settings, proxy, Clock(folder / "clock"), temporary)
    try:
        running.start()
        yield running
    finally:
        for process in running.processes():
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)
        running.stop()


def mount(folder: Path) -> None:
    """Make a folder a small disk of its own, if we are in a mount namespace of our own."""
    if OWN_DISK in os.environ:
        options = f"size={DISK_MIB}m,mode=755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)


def wait_for(what: str, condition: Callable[[], object], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did, and say so if not."""
    if wait_until(lambda: attempt(condition), timedelta(seconds=seconds), interval=0.25):
        return True
    print(f"  ! not within {seconds:.0f} s: {what}", flush=True)
    return False


def attempt(condition: Callable[[], Outcome]) -> Outcome | None:
    """Return what a condition returns, or None while the API or Redis does not answer."""
    try:
        return condition()
    except Exception:  # noqa: BLE001  of a machine under attack every error is possible; the caller has a time limit
        return None


def descendants(pid: int) -> list[psutil.Process]:
    """Return all processes below one."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def command(process: psutil.Process) -> str:
    """Return a process's command line; empty if it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def environment(process: psutil.Process) -> str:
    """Return a process's environment as lines; empty if it has ended or belongs to another user."""
    try:
        return "\n".join(Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace").split("\0"))
    except OSError:
        return ""


def send_signal(pid: int, number: signal.Signals) -> bool:
    """Send a signal; return whether the process was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def signal_all(pids: Iterable[int], number: signal.Signals) -> bool:
    """Send a signal to each; return whether any was there."""
    return True in [send_signal(pid, number) for pid in pids]


def now() -> str:
    """Return the time of day, for progress lines."""
    return time.strftime("%H:%M:%S")
