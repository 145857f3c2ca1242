"""Run commands, and say what happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "build" / "compose"


class Skip(Exception):
    """Why the test cannot run on this machine."""


def say(text: str) -> None:
    """One line of what happens, with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def run(
    line: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    cwd: Path | None = None,
) -> str:
    """The output of a command; raises RuntimeError with the end of what it said where it fails."""
    done = subprocess.run(
        list(map(str, line)), input=stdin, cwd=cwd, capture_output=True, env=env or os.environ, check=False
    )
    if done.returncode:
        words = (done.stdout + done.stderr).decode(errors="replace").strip()[-3000:]
        raise RuntimeError(f"{' '.join(map(str, line))} ended with status {done.returncode}:\n{words}")
    return done.stdout.decode()


def succeeds(line: Sequence[str | Path], *, seconds: float = 60) -> bool:
    """Whether a command ends well and in time."""
    try:
        return subprocess.run(list(map(str, line)), capture_output=True, timeout=seconds, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def wait(what: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so; raises TimeoutError, which names it."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds:.0f} s: {what}")
        time.sleep(1)
