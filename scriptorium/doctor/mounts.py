"""The filesystem that a folder is on, from the kernel's list of mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scriptorium.doctor.probe import Probe

WINDOWS_FILESYSTEMS = {"9p", "v9fs", "drvfs"}
NETWORK_FILESYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs"}
MEMORY_FILESYSTEMS = {"tmpfs", "ramfs"}
OCTAL_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of /proc/self/mounts."""

    device: str
    point: str
    kind: str
    options: str


def parse_mounts(text: str) -> list[Mount]:
    """Parse /proc/self/mounts, which writes spaces and the like in names as octal numbers."""
    rows = [line.split(" ") for line in text.splitlines()]
    return [Mount(*(OCTAL_ESCAPE.sub(_character, part) for part in row[:4])) for row in rows if len(row) >= 4]


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def mount_of(path: Path, mounts: list[Mount]) -> Mount | None:
    """Return the mount that a path is on: the deepest, and the later of two at the same place."""
    above = {str(path), *map(str, path.parents)}
    candidates = [mount for mount in mounts if mount.point in above]
    return max(enumerate(candidates), key=lambda entry: (len(entry[1].point), entry[0]))[1] if candidates else None


def find_mount(probe: Probe, path: Path) -> Mount | None:
    """Return the mount that a path is on, following links."""
    return mount_of(path.resolve(), parse_mounts(probe.read("/proc/self/mounts") or ""))
