"""On which filesystem a folder lies, from the kernel's list of mounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from scriptorium.doctor.probe import Probe

WINDOWS = {"9p", "v9fs", "drvfs"}
NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs"}
FLEETING = {"tmpfs", "ramfs"}
ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of /proc/self/mounts."""

    device: str
    point: str
    kind: str
    options: str


def parse_mounts(text: str) -> list[Mount]:
    """Read /proc/self/mounts, whose names have spaces and the like as octal numbers."""
    rows = [line.split(" ") for line in text.splitlines()]
    return [Mount(*(ESCAPE.sub(_character, part) for part in row[:4])) for row in rows if len(row) >= 4]


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 8))


def mount_of(path: Path, mounts: list[Mount]) -> Mount | None:
    """The mount that a path lies on: the deepest, and of two at one place the later."""
    above = {str(path), *map(str, path.parents)}
    on = [mount for mount in mounts if mount.point in above]
    return max(enumerate(on), key=lambda entry: (len(entry[1].point), entry[0]))[1] if on else None


def find_mount(probe: Probe, path: Path) -> Mount | None:
    """The mount that a path lies on, links followed."""
    return mount_of(path.resolve(), parse_mounts(probe.read("/proc/self/mounts") or ""))
