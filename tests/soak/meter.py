"""What must not grow: memory, threads and open files of each process, Redis and the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from scriptorium.artifacts.disk_use import DiskMeter
from scriptorium.jobs.runner import Context

MB = 1 << 20


@dataclass(frozen=True)
class Measurement:
    """The state of the stack at a quiet moment: bytes, open files and threads by process; bytes on the disk.

    Redis' log of writes is on the disk, too, but apart: it grows until Redis rewrites it, and begins anew.
    """

    rss: dict[str, int]
    fds: dict[str, int]
    threads: dict[str, int]
    redis_bytes: int
    redis_keys: int
    log_bytes: int
    disk_bytes: int

    def __str__(self) -> str:
        processes = " ".join(f"{name}={rss / MB:.1f}/{self.fds[name]}" for name, rss in self.rss.items())
        return (
            f"MB/fds: {processes}; fds={sum(self.fds.values())} threads={sum(self.threads.values())} "
            f"redis={self.redis_bytes / MB:.2f} MB in {self.redis_keys} keys, aof={self.log_bytes / MB:.2f} MB, "
            f"disk={self.disk_bytes / MB:.2f} MB"
        )


def take_sample(context: Context, processes: Mapping[str, psutil.Process]) -> Measurement:
    """Measure every process, Redis and the volume. Raises psutil.NoSuchProcess if one has ended."""
    memory: dict[str, int] = context.store.client.info("memory")  # type: ignore[assignment]
    log_bytes = DiskMeter().count(context.volume.root / "redis")
    return Measurement(
        rss={name: process.memory_info().rss for name, process in processes.items()},
        fds={name: process.num_fds() for name, process in processes.items()},
        threads={name: process.num_threads() for name, process in processes.items()},
        redis_bytes=memory["used_memory"],
        redis_keys=int(context.store.client.dbsize()),  # type: ignore[arg-type]
        log_bytes=log_bytes,
        disk_bytes=DiskMeter().count(context.volume.root) - log_bytes,
    )


@dataclass(frozen=True)
class Growth:
    """What grew between two samples; as text it is the last line."""

    jobs: int
    rss_mb: float
    fds: int
    threads: int
    redis_mb: float
    disk_mb: float

    def __str__(self) -> str:
        return (
            f"soak: jobs={self.jobs} rss_growth_mb={self.rss_mb:.1f} fds={self.fds} "
            f"redis_growth_mb={self.redis_mb:.2f} disk_growth_mb={self.disk_mb:.2f}"
        )


def compare(before: Measurement, after: Measurement, jobs: int) -> Growth:
    """Return what grew; `fds` and threads are those that were opened and not closed."""
    return Growth(
        jobs=jobs,
        rss_mb=(sum(after.rss.values()) - sum(before.rss.values())) / MB,
        fds=sum(after.fds.values()) - sum(before.fds.values()),
        threads=sum(after.threads.values()) - sum(before.threads.values()),
        redis_mb=(after.redis_bytes - before.redis_bytes) / MB,
        disk_mb=(after.disk_bytes - before.disk_bytes) / MB,
    )
