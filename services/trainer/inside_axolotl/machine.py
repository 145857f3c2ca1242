"""CPU and memory use of a Linux machine; a training without a GPU measures these.

Standard library only: the plugin uses it inside Axolotl's environment.
"""

from __future__ import annotations

from pathlib import Path

MEMINFO = Path("/proc/meminfo")
OWN_STATUS = Path("/proc/self/status")
CPU_STAT = Path("/proc/stat")
IDLE_FIELDS = slice(3, 5)  # idle, iowait
FIRST_GUEST_FIELD = 8  # from here on guests' time, which user and nice contain already


def read_memory(path: Path = MEMINFO) -> tuple[int, int]:
    """Return the bytes in use (what a new program could not get) and the total bytes."""
    sizes = dict(line.split(":", 1) for line in path.read_text("ascii").splitlines())
    total, available = (int(sizes[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total - available, total


def read_peak(path: Path = OWN_STATUS) -> int:
    """Return the most bytes that this process has had in memory since it started.

    Not `getrusage`: its number is inherited from the process that started this one.
    """
    lines = path.read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


class CpuUse:
    """The share of time, 0-1, that all cores together were busy."""

    def __init__(self, path: Path = CPU_STAT) -> None:
        self._path = path
        self._busy, self._total = self._read()

    def measure(self) -> float | None:
        """Return the share since the last call, or None if no clock tick has passed."""
        busy, total = self._read()
        busy_ticks, all_ticks = busy - self._busy, total - self._total
        self._busy, self._total = busy, total
        return busy_ticks / all_ticks if all_ticks > 0 else None

    def _read(self) -> tuple[int, int]:
        fields = self._path.read_text("ascii").split("\n", 1)[0].split()[1:]
        ticks = [int(field) for field in fields][:FIRST_GUEST_FIELD]
        return sum(ticks) - sum(ticks[IDLE_FIELDS]), sum(ticks)
