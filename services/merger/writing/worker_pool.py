"""A few threads that run steps, each of which reads, computes and writes one block, so that the three overlap.

Numpy and the kernel release the interpreter lock while they work, so threads suffice. Steps are made one by one as they
are needed, and only a few wait at a time: memory use does not depend on the number of steps.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scriptorium.jobs.reporter import Reporter

Step = Callable[[], int]  # returns how many bytes it processed

THREADS = max(2, min(8, len(os.sched_getaffinity(0))))
QUEUED_PER_THREAD = 2  # steps that wait for each thread
REPORT_INTERVAL = 2.0  # seconds between two lines of progress
CHECK_INTERVAL = 0.5  # seconds after which the pool checks for a stop even if no step has ended


class MergeProgress:
    """Reports how far the merge is, every few seconds, and stops it on request."""

    def __init__(
        self,
        reporter: Reporter,
        total: int,
        interval: float = REPORT_INTERVAL,
        action: str = "merged and checked",
    ) -> None:
        self.action = action
        self.reporter = reporter
        self.total = total
        self.interval = interval
        self.done = 0
        self.started = self.reported = time.monotonic()

    def advance(self, count: int) -> None:
        """Count processed bytes; raises Stopped."""
        self.reporter.check()
        self.done += count
        now = time.monotonic()
        if now - self.reported >= self.interval:
            percent = 100 * self.done // self.total
            speed = self.done / max(now - self.started, 1e-9)
            self.reporter.message(
                f"[MERGE] {percent} % {self.action}, {speed / 1e6:.0f} MB/s",
                percent=percent, eta_seconds=round((self.total - self.done) / max(speed, 1.0), 1),
            )  # fmt: skip
            self.reported = now


def run_steps(steps: Iterable[Step], progress: MergeProgress, threads: int = THREADS) -> None:
    """Run every step on one of the threads; raises what a step or `progress` raises, after the running steps ended."""
    running: set[Future[int]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="merge") as pool:
        try:
            for step in steps:
                running.add(pool.submit(step))
                while len(running) >= threads * (1 + QUEUED_PER_THREAD):
                    running = wait_for_steps(running, progress)
            while running:
                running = wait_for_steps(running, progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def wait_for_steps(running: set[Future[int]], progress: MergeProgress) -> set[Future[int]]:
    """Wait for some steps, count them, and return the others."""
    done, others = wait(running, timeout=CHECK_INTERVAL, return_when=FIRST_COMPLETED)
    progress.advance(sum(step.result() for step in done))
    return others


class Scratch(threading.local):
    """Memory that a thread reuses for each block."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array that keeps its memory until the same name is taken again."""
        count = int(np.prod(shape)) * dtype.itemsize
        if name not in self.arrays or self.arrays[name].size < count:
            self.arrays[name] = np.empty(count, np.uint8)
        return self.arrays[name][:count].view(dtype).reshape(shape)
