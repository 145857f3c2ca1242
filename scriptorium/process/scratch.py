"""Scratch folders: what a child and its descendants write to /tmp lies in one folder, which goes when the child ends.

A killed vLLM leaves its sockets behind and a killed Axolotl its staging folders, one set for each kill. The parent has
a lock on the folder; if it is killed itself, whoever makes the next scratch folder finds no lock there and removes it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

PREFIX = "scriptorium-child-"
NEW = 60.0  # seconds: a folder as young as this may not have its lock yet


class ScratchFolder:
    """A new folder for temporary files, until `remove` or the end of this process."""

    def __init__(self) -> None:
        remove_abandoned()
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = os.open(self.folder, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def remove(self) -> None:
        """Remove the folder and everything in it; it may be called again."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def remove_abandoned() -> None:
    """Remove this user's scratch folders whose processes have ended without removing them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or somebody else removes it now
            if folder.stat().st_uid == os.getuid() and time.time() - folder.stat().st_mtime > NEW:
                remove_unlocked(folder)


def remove_unlocked(folder: Path) -> None:
    """Remove a folder unless somebody has its lock."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
