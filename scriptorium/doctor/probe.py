"""Everything that the doctor reads from a machine, in one small object, so that a test can simulate another one."""

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
from filelock import FileLock

from scriptorium.artifacts import manifest
from scriptorium.store.inspect import StoreFacts, inspect_store

COMMAND_TIMEOUT = 4.0  # seconds; less than a check's own limit, so that it can still report which command hung


class CommandTimeout(Exception):
    """A command did not end in time."""


@dataclass(frozen=True)
class CommandOutput:
    """The output and exit code of a command; the code is -1 if it could not be started."""

    code: int
    out: str
    err: str = ""


@dataclass(frozen=True)
class Disk:
    """The size and free space of a filesystem, in bytes."""

    total: int
    free: int


class Probe:
    """The machine that this process runs on."""

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables."""
        return os.environ

    def run(self, *command: str) -> CommandOutput:
        """Run a command to its end. Raises CommandTimeout."""
        env = {**os.environ, "LC_ALL": "C"}
        try:
            process = subprocess.run(
                command, capture_output=True, stdin=subprocess.DEVNULL, timeout=COMMAND_TIMEOUT, env=env, check=False
            )
        except subprocess.TimeoutExpired:
            raise CommandTimeout(f"`{' '.join(command[:2])}` gave no answer in {COMMAND_TIMEOUT:.0f} s") from None
        except OSError as error:
            return CommandOutput(-1, "", str(error))
        return CommandOutput(
            process.returncode, process.stdout.decode(errors="replace"), process.stderr.decode(errors="replace")
        )

    def which(self, program: str) -> str | None:
        """Return the path of a program, or None."""
        return shutil.which(program)

    def read(self, path: str | Path) -> str | None:
        """Return a file's text; None if it cannot be read."""
        try:
            return Path(path).read_text("utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str | Path) -> bool:
        """Return whether a path exists and can be seen."""
        try:
            return Path(path).exists()
        except OSError:
            return False

    def glob(self, folder: str | Path, pattern: str) -> list[Path]:
        """Return the paths in a folder that match a pattern, sorted."""
        return sorted(Path(folder).glob(pattern))

    def writable(self, folder: Path) -> bool:
        """Return whether this user may write into a folder."""
        return os.access(folder, os.W_OK | os.X_OK)

    def user(self) -> int:
        """Return the id of the user that this process runs as."""
        return os.getuid()

    def disk(self, folder: Path) -> Disk:
        """Return the size and free space of a folder's filesystem."""
        usage = shutil.disk_usage(folder)
        return Disk(usage.total, usage.free)

    def cores(self) -> int:
        """Return the number of processors that this process may use."""
        return len(os.sched_getaffinity(0))

    def memlock(self) -> int | None:
        """Return the number of bytes that a process may pin in memory; None if there is no limit."""
        soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        return None if soft == resource.RLIM_INFINITY else soft

    def listening(self, host: str, port: int) -> bool:
        """Return whether a port accepts connections."""
        try:
            with socket.create_connection((host, port), timeout=1):
                return True
        except OSError:
            return False

    def fetch(self, url: str) -> str | None:
        """Return the body of a page, whatever its status; None if nothing there speaks HTTP."""
        try:
            return httpx.get(url, timeout=2, trust_env=False).text
        except httpx.HTTPError:
            return None

    def store(self, url: str) -> StoreFacts:
        """Return what Redis reports about itself. Raises StoreUnavailable."""
        return inspect_store(url, timeout=COMMAND_TIMEOUT / 2)

    def try_folder(self, folder: Path) -> str | None:
        """Try in a folder what publishing needs; return the problem, or None."""
        return try_folder(folder)


def try_folder(folder: Path) -> str | None:
    """Write, flush, lock, replace a file, link and rename folders; return the problem, or None."""
    step = "a file cannot be written"
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=folder, ignore_cleanup_errors=True) as name:
            trial = Path(name)
            (trial / "old").write_text("old")
            (trial / "new").write_text("new")
            step = "fsync does not work"
            manifest.sync(trial / "new")
            manifest.sync(trial)
            step = "a file cannot be replaced by renaming"
            (trial / "new").replace(trial / "old")
            if (trial / "old").read_text() != "new":
                return "a rename does not replace what was there"
            step = "files cannot be locked"
            with FileLock(trial / "lock", timeout=1):
                (trial / "lock").touch()
            step = "hard links do not work"
            os.link(trial / "old", trial / "linked")
            step = "a folder cannot be renamed"
            return _try_folders(trial)
    except OSError as error:
        return f"{step}: {error.strerror or error}"


def _try_folders(trial: Path) -> str | None:
    """Check that a folder cannot be renamed over another: publishing relies on it. Return the problem, or None."""
    for name in ("first", "second"):
        (trial / name).mkdir()
        (trial / name / "file").touch()
    (trial / "first").rename(trial / "published")
    try:
        (trial / "second").rename(trial / "published")
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return None
        raise
    with suppress(OSError):
        shutil.rmtree(trial / "published")
    return "a folder can be renamed over one that is not empty"
