"""Logs that other programs write: rotated by size, without their knowing.

A program keeps its log open, so the log is copied and emptied rather than renamed. That works because every log is
opened for appending (`scriptorium.process.child`). Lines that are written between the two steps are lost.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

OLD_LOGS = 2  # rotated logs beside the current one
ROTATION_INTERVAL = 10.0  # seconds
ROTATED_LOGS = "*.log.[0-9]"


def rotate_logs(logs: Iterable[Path], max_bytes: int) -> list[Path]:
    """Rotate the logs that have reached `max_bytes`, and return them."""
    rotated = []
    for log in logs:
        with suppress(OSError):  # of another user, or removed meanwhile: no reason to stop what calls this
            if rotate_log(log, max_bytes):
                rotated.append(log)
    return rotated


def keep_rotating(folder: Path, pattern: str, max_bytes: int, interval: float = ROTATION_INTERVAL) -> threading.Thread:
    """Rotate the logs of a folder in the background as long as this process lives."""

    def rotate_forever() -> None:
        while True:
            with suppress(OSError):  # the folder may not be there yet
                rotate_logs(folder.glob(pattern), max_bytes)
            time.sleep(interval)

    thread = threading.Thread(target=rotate_forever, name="rotate-logs", daemon=True)
    thread.start()
    return thread


def rotate_log(log: Path, max_bytes: int) -> bool:
    """Move the contents of a log to `<name>.1`, and what was there to `<name>.2`, if the log is large enough.

    A lock keeps two processes from rotating the same log twice.
    """
    if size_of(log) < max_bytes:
        return False
    with log.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_size < max_bytes:
            return False
        try:
            _copy_to_old_log(file, log)
        except OSError:  # on a full disk, its space is worth more than its lines
            old_log(log, 1).unlink(missing_ok=True)
        file.truncate(0)
    return True


def _copy_to_old_log(file: BinaryIO, log: Path) -> None:
    for number in range(OLD_LOGS, 1, -1):
        older = old_log(log, number - 1)
        if older.exists():
            older.replace(old_log(log, number))
    with old_log(log, 1).open("wb") as copy:
        shutil.copyfileobj(file, copy)


def old_log(log: Path, number: int) -> Path:
    """Return the path of a rotated log."""
    return log.with_name(f"{log.name}.{number}")


def size_of(log: Path) -> int:
    """Return the size of a log in bytes; 0 if it is missing."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0
