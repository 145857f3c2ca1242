"""All that the doctor touches of a machine, in one small object, so that a test can be another machine."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from scriptorium.artifacts import manifest
from scriptorium.store.inspect import StoreFacts, inspect_store

PATIENCE = 4.0  # seconds for one command: less than a check may take, so that it can still say what hung


class Hangs(Exception):
    """A command gave no answer in time."""


@dataclass(frozen=True)
class Answer:
    """What a command printed; the code is -1 where it could not be started."""

    code: int
    out: str
    err: str = ""


@dataclass(frozen=True)
class Disk:
    """The room on a filesystem, in bytes."""

    total: int
    free: int


class Probe:
    """The machine that it runs on."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return os.environ

    def run(self, *command: str) -> Answer:
        """Run a command to its end; raises Hangs."""
        env = {**os.environ, "LC_ALL": "C"}
        try:
            done = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, env=env, check=False
            )
        except subprocess.TimeoutExpired:
            raise Hangs(f"`{' '.join(command[:2])}` gave no answer in {PATIENCE:.0f} s") from None
        except OSError as error:
            return Answer(-1, "", str(error))
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def which(self, program: str) -> str | None:
        """Where a program is."""
        return shutil.which(program)

    def read(self, path: str | Path) -> str | None:
        """A file's text; None where it cannot be read."""
        try:
            return Path(path).read_text("utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str | Path) -> bool:
        """Whether something is there."""
        try:
            return Path(path).exists()
        except OSError:
            return False

    def glob(self, folder: str | Path, pattern: str) -> list[Path]:
        """What is there by a pattern, in order."""
        return sorted(Path(folder).glob(pattern))

    def writable(self, folder: Path) -> bool:
        """Whether this user may write into a folder."""
        return os.access(folder, os.W_OK | os.X_OK)

    def user(self) -> int:
        """The number of the user that it runs as."""
        return os.getuid()

    def disk(self, folder: Path) -> Disk:
        """The room on a folder's filesystem."""
        usage = shutil.disk_usage(folder)
        return Disk(usage.total, usage.free)

    def cores(self) -> int:
        """How many processors this process may use."""
        return len(os.sched_getaffinity(0))

    def memlock(self) -> int | None:
        """How many bytes a process may pin in memory; None where there is no limit."""
        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return None if soft == resource.RLIM_INFINITY else soft

    def listening(self, host: str, port: int) -> bool:
        """Whether somebody accepts connections there."""
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            return False

    def fetch(self, url: str) -> str | None:
        """The body of a page, whatever its status; None where nobody speaks HTTP."""
        try:
            return httpx.get(url, timeout=2, trust_env=False).text
        except httpx.HTTPError:
            return None

    def store(self, url: str) -> StoreFacts:
        """What Redis says of itself; raises StoreUnavailable."""
        return inspect_store(url, timeout=PATIENCE / 2)

    def try_folder(self, folder: Path) -> str | None:
        """Do in a folder what publishing needs, for real; returns what did not work."""
        return try_folder(folder)


def try_folder(folder: Path) -> str | None:
    """Write, flush to disk, rename over a file, link, and be refused a rename over a full folder."""
    step = "a file cannot be written"
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder, ignore_cleanup_errors=True) as name:
            room = Path(name)
            (room / "old").write_text("old")
            (room / "new").write_text("new")
            step = "fsync does not work"
            manifest.sync(room / "new")
            manifest.sync(room)
            step = "a file cannot be replaced by renaming"
            (room / "new").replace(room / "old")
            if (room / "old").read_text() != "new":
                return "a rename does not replace what was there"
            step = "hard links do not work"
            os.link(room / "old", room / "linked")
            step = "a folder cannot be renamed"
            return _try_folders(room)
    except OSError as error:
        return f"{step}: {error.strerror or error}"


def _try_folders(room: Path) -> str | None:
    """Publishing is a folder's rename that must be refused where somebody else was first."""
    for name in ("first", "second"):
        (room / name).mkdir()
        (room / name / "file").touch()
    (room / "first").rename(room / "published")
    try:
        (room / "second").rename(room / "published")
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise
    with suppress(OSError):
        shutil.rmtree(room / "published")
    return "a folder can be renamed over one that is not empty"
