"""Disk use: what takes how many bytes, how many removing something would free, and whether enough are left.

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

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts.disk_use import DiskUse, DiskUseKind, KindUse, RunUse
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


class DiskMeter:
    """Counts the bytes of files and folders; what has several names, or lies in two folders' reach, counts once."""

    def __init__(self) -> None:
        self._counted: set[tuple[int, int]] = set()

    def count(self, path: Path) -> int:
        """Return the bytes of a file or folder that were not counted before; what disappears is left out."""
        try:
            status = path.lstat()
        except OSError:
            return 0
        is_folder = stat.S_ISDIR(status.st_mode)
        if (is_folder or status.st_nlink > 1) and self._is_counted((status.st_dev, status.st_ino)):
            return 0
        below = sum(map(self.count, list_folder(path))) if is_folder else 0
        return status.st_blocks * STAT_BLOCK_BYTES + below

    def _is_counted(self, identity: tuple[int, int]) -> bool:
        is_counted = identity in self._counted
        self._counted.add(identity)
        return is_counted


def measure_disk_use(volume: Volume, cache: Path, logs: Path, largest: int) -> DiskUse:
    """Return the bytes on the disk by kind, and those of the `largest` runs; result files are a part of their run."""
    meter = DiskMeter()
    runs = [RunUse(job=run.name, bytes=meter.count(run)) for run in list_folder(volume.runs)]
    folders = {
        DiskUseKind.UPLOADS: [volume.files, volume.uploads],
        DiskUseKind.MODELS: [volume.models],
        DiskUseKind.CACHES: [cache],
        DiskUseKind.LOGS: [logs],
    }
    kinds = {DiskUseKind.RUNS: sum(run.bytes for run in runs) + meter.count(volume.runs)}
    kinds |= {kind: sum(map(meter.count, paths)) for kind, paths in folders.items()}
    kinds[DiskUseKind.OTHER] = meter.count(volume.root)
    return DiskUse(
        total_bytes=sum(kinds.values()),
        free_bytes=free_bytes(volume.root),
        kinds=[KindUse(kind=kind, bytes=size) for kind, size in kinds.items()],
        jobs=sorted(runs, key=lambda run: (-run.bytes, run.job))[:largest],
    )


def list_folder(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted; nothing if there is no such folder, or it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


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
