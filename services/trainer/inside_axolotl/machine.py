"""How busy a Linux machine is, and how much of its memory is in use; a training without a GPU measures these.

Standard library only: the plugin uses it inside Axolotl's environment.
"""

from __future__ import annotations

from pathlib import Path

MEMORY = Path("/proc/meminfo")
CPU = Path("/proc/stat")
IDLE = slice(3, 5)  # idle, iowait
GUEST = 8  # from here on guests' time, which user and nice contain already


def read_memory(path: Path = MEMORY) -> tuple[int, int]:
    """Bytes in use (what a new program could not get) and bytes there are."""
    sizes = dict(line.split(":", 1) for line in path.read_text("ascii").splitlines())
    total, available = (int(sizes[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    return total - available, total


class CpuUse:
    """How busy all cores together were since the last look, 0-1."""

    def __init__(self, path: Path = CPU) -> None:
        self._path = path
        self._busy, self._total = self._read()

    def look(self) -> float | None:
        """The share since the last look; None where the clock of the machine has not moved on."""
        busy, total = self._read()
        busier, longer = busy - self._busy, total - self._total
        self._busy, self._total = busy, total
        return busier / longer if longer > 0 else None

    def _read(self) -> tuple[int, int]:
        ticks = [int(field) for field in self._path.read_text("ascii").split("\n", 1)[0].split()[1:]][:GUEST]
        return sum(ticks) - sum(ticks[IDLE]), sum(ticks)
