"""A few threads that work off steps, each of which reads, computes and writes one block, so that the three overlap.

Numpy and the kernel let go of the interpreter while they work, so threads suffice. Steps are made one by one as they
are needed, and only a few wait at a time: memory stays the same whatever the number of steps.
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

Step = Callable[[], int]  # returns how many bytes it dealt with

THREADS = max(2, min(8, len(os.sched_getaffinity(0))))
WAITING = 2  # steps per thread that are ready to be taken
EVERY = 2.0  # seconds between two lines of progress
PATIENCE = 0.5  # seconds after which the crew asks whether to stop even if no step was done


class Progress:
    """Says how far the merge is, every few seconds, and stops it when asked to."""

    def __init__(self, reporter: Reporter, total: int, every: float = EVERY, doing: str = "merged and checked") -> None:
        self.doing = doing
        self.reporter = reporter
        self.total = total
        self.every = every
        self.done = 0
        self.started = self.said = time.monotonic()

    def advance(self, count: int) -> None:
        """Count bytes that were dealt with; raises Stopped."""
        self.reporter.check()
        self.done += count
        now = time.monotonic()
        if now - self.said >= self.every:
            percent = 100 * self.done // self.total
            speed = self.done / max(now - self.started, 1e-9)
            self.reporter.message(
                f"[MERGE] {percent} % {self.doing}, {speed / 1e6:.0f} MB/s",
                percent=percent, eta_seconds=round((self.total - self.done) / max(speed, 1.0), 1),
            )  # fmt: skip
            self.said = now


def work_off(steps: Iterable[Step], progress: Progress, threads: int = THREADS) -> None:
    """Run every step on some thread; raises what a step or `progress` raises, once the running steps have ended."""
    running: set[Future[int]] = set()
    with ThreadPoolExecutor(threads, thread_name_prefix="merge") as pool:
        try:
            for step in steps:
                running.add(pool.submit(step))
                while len(running) >= threads * (1 + WAITING):
                    running = settle(running, progress)
            while running:
                running = settle(running, progress)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def settle(running: set[Future[int]], progress: Progress) -> set[Future[int]]:
    """Wait for some steps, count them, and return the others."""
    done, others = wait(running, timeout=PATIENCE, return_when=FIRST_COMPLETED)
    progress.advance(sum(step.result() for step in done))
    return others


class Scratch(threading.local):
    """Memory that a thread uses again for each block."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """An array that keeps its memory until the same name is taken again."""
        count = int(np.prod(shape)) * dtype.itemsize
        if name not in self.arrays or self.arrays[name].size < count:
            self.arrays[name] = np.empty(count, np.uint8)
        return self.arrays[name][:count].view(dtype).reshape(shape)
