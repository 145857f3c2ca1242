"""Disk use: how many bytes removing something would free, and whether enough are left.

Result files are hard links to what the phases published: removing one of two names of a file frees nothing.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from scriptorium.errors import DiskLow

log = logging.getLogger(__name__)

STAT_BLOCK_BYTES = 512  # the unit of st_blocks, whatever the filesystem's own block is

REMOVAL_TRIES = 3  # somebody may be writing to it at the moment


def removable_bytes(paths: Iterable[Path]) -> int:
    """Return the bytes that removing these files and folders together would free."""
    links: Counter[tuple[int, int]] = Counter()
    entries: dict[tuple[int, int], os.stat_result] = {}
    for path in paths:
        for entry in walk(path):
            identity = (entry.st_dev, entry.st_ino)
            links[identity] += 1
            entries[identity] = entry
    return sum(
        entry.st_blocks * STAT_BLOCK_BYTES
        for identity, entry in entries.items()
        if stat.S_ISDIR(entry.st_mode) or links[identity] >= entry.st_nlink
    )


def walk(path: Path) -> Iterator[os.stat_result]:
    """Yield the status of a file or folder and of everything below; what disappears or is locked is left out."""
    try:
        status = path.lstat()
        yield status
        names = list(path.iterdir()) if stat.S_ISDIR(status.st_mode) else []
    except OSError:
        return
    for name in names:
        yield from walk(name)


def newest_change(path: Path) -> float:
    """Return when a file, or anything in a folder, was last written, in Unix seconds; 0 if it is missing."""
    return max((status.st_mtime for status in walk(path)), default=0.0)


def remove(path: Path) -> bool:
    """Remove a file or folder and return whether it is gone; somebody else may be removing it, too."""
    for _ in range(REMOVAL_TRIES):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
        if not os.path.lexists(path):
            return True
    log.warning("%s cannot be removed: it belongs to another user, or is being written to", path)
    return False


def free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk of a folder that may not exist yet."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def check_disk(folder: Path, min_free: int, announced: int = 0) -> None:
    """Raise DiskLow if the folder's disk would have fewer than `min_free` bytes after `announced` more."""
    free = free_bytes(folder)
    if free - announced < min_free:
        raise DiskLow(
            f"Only {free / 1e9:.1f} GB are free on the disk of {folder}; new work needs {min_free / 1e9:.1f} GB"
            + (f" beside the {announced:,} bytes of the upload." if announced else ".")
        )
