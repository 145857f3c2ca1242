"""Helpers that run commands, log progress and wait."""

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
    """The reason why the test cannot run on this machine."""


def log(text: str) -> None:
    """Print a line with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    cwd: Path | None = None,
) -> str:
    """Return the output of a command; raise RuntimeError with the end of its output if it fails."""
    result = subprocess.run(
        list(map(str, command)), input=stdin, cwd=cwd, capture_output=True, env=env or os.environ, check=False
    )
    if result.returncode:
        output = (result.stdout + result.stderr).decode(errors="replace").strip()[-3000:]
        raise RuntimeError(f"{' '.join(map(str, command))} ended with status {result.returncode}:\n{output}")
    return result.stdout.decode()


def succeeds(command: Sequence[str | Path], *, seconds: float = 60) -> bool:
    """Return whether a command succeeds in time."""
    try:
        return (
            subprocess.run(list(map(str, command)), capture_output=True, timeout=seconds, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def wait_for(description: str, ready: Callable[[], bool], seconds: float) -> None:
    """Wait until `ready` returns true; raise TimeoutError with the description."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds:.0f} s: {description}")
        time.sleep(1)
