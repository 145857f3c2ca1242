"""A machine made of recorded outputs, for the doctor to examine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scriptorium.doctor.check import HOST, SERVICE_VARIABLE, Check, CheckFinding, Subject
from scriptorium.doctor.probe import CommandOutput, CommandTimeout, Disk, Probe
from scriptorium.errors import StoreUnavailable
from scriptorium.settings import Settings
from scriptorium.store.inspect import StoreFacts

WSL_RELEASE = "5.15.167.4-microsoft-standard-WSL2\n"
WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"
MEMINFO = "MemTotal:       {0} kB\nMemFree: 1 kB\nMemAvailable:   {0} kB\nSwapTotal:      {1} kB\nHugePages_Total:  0\n"
MOUNTS = "/dev/sdc / ext4 rw,relatime 0 0\nproc /proc proc rw 0 0\nC:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\134 0 0\n"
DURABLE = StoreFacts("redis 8.0.2", "8.0.2", "yes", "always", "noeviction")


class FakeProbe(Probe):
    """Has only what it is given."""

    def __init__(
        self,
        *,
        files: Mapping[str, str] | None = None,
        programs: Iterable[str] = (),
        answers: Mapping[str, CommandOutput | str | None] | None = None,
        environ: Mapping[str, str] | None = None,
        free: int = 500 * 10**9,
        size: int = 10 << 30,
        memlock: int | None = None,
        read_only: bool = False,
        writes: str | None = None,
        listeners: Mapping[int, str | None] | None = None,
        store: StoreFacts | StoreUnavailable | None = DURABLE,
    ) -> None:
        self.files = {"/proc/self/mounts": MOUNTS, "/proc/meminfo": MEMINFO.format(64 << 20, 8 << 20), **(files or {})}
        self.programs, self.answers, self._environ = set(programs), answers or {}, environ or {}
        self.free, self.size, self._memlock = free, size, memlock
        self.read_only, self.writes, self.listeners, self._store = read_only, writes, listeners or {}, store

    @property
    def environ(self) -> Mapping[str, str]:
        return self._environ

    def run(self, *command: str) -> CommandOutput:
        line = " ".join(command)
        for part, answer in self.answers.items():
            if part in line:
                if answer is None:
                    raise CommandTimeout(f"`{part}` gave no answer")
                return answer if isinstance(answer, CommandOutput) else CommandOutput(0, answer)
        return CommandOutput(1, "", "unknown")

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.programs else None

    def read(self, path: str | Path) -> str | None:
        return self.files.get(str(path))

    def exists(self, path: str | Path) -> bool:
        return any(name == str(path) or name.startswith(f"{str(path).rstrip('/')}/") for name in self.files)

    def glob(self, folder: str | Path, pattern: str) -> list[Path]:
        return sorted(path for path in map(Path, self.files) if path.is_relative_to(folder) and path.match(pattern))

    def writable(self, folder: Path) -> bool:
        return not self.read_only

    def user(self) -> int:
        return 10001

    def disk(self, folder: Path) -> Disk:
        return Disk(self.size, self.free)

    def cores(self) -> int:
        return 16

    def memlock(self) -> int | None:
        return self._memlock

    def listening(self, host: str, port: int) -> bool:
        return port in self.listeners

    def fetch(self, url: str) -> str | None:
        return next((body for port, body in self.listeners.items() if f":{port}/" in url), None)

    def store(self, url: str) -> StoreFacts:
        if self._store is None or isinstance(self._store, StoreUnavailable):
            raise self._store or StoreUnavailable("Redis does not answer: Connection refused.")
        return self._store

    def try_folder(self, folder: Path) -> str | None:
        return self.writes


def subject(probe: Probe, service: str = HOST, **settings: Any) -> Subject:
    return Subject(probe, Settings(**{"data_dir": Path("/srv/data"), **settings}), service)


def container(service: str, **probe: Any) -> FakeProbe:
    return FakeProbe(environ={SERVICE_VARIABLE: service, **probe.pop("environ", {})}, **probe)


def run_check(check: Check, subject: Subject) -> dict[str, CheckFinding]:
    return {finding.check: finding for finding in check_fixes(check(subject))}


def check_fixes(findings: Iterator[CheckFinding]) -> list[CheckFinding]:
    """Check that a finding has a fix if, and only if, something is wrong; return the findings."""
    listed = list(findings)
    for finding in listed:
        assert bool(finding.fix) == (finding.status in ("warn", "fail")), finding
        assert finding.seen
    return listed


def docker_info(**changes: Any) -> str:
    """Return the part of `docker info --format '{{json .}}'` that is checked."""
    body = {
        "ServerVersion": "28.5.1",
        "OperatingSystem": "Ubuntu 24.04.3 LTS",
        "DockerRootDir": "/var/lib/docker",
        "Runtimes": {"io.containerd.runc.v2": {"path": "runc"}, "runc": {"path": "runc"}},
        "CDISpecDirs": ["/etc/cdi", "/var/run/cdi"],
    }
    return json.dumps(body | changes)
