"""Run concurrent work to its end, or stop it cleanly as soon as the reporter asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from scriptorium.jobs.reporter import Reporter

Outcome = TypeVar("Outcome")

PROGRESS_STEP = 16  # answers between two lines of progress
CHECK_INTERVAL = 0.5  # seconds between two checks of the reporter: a cancelled job should feel cancelled


def run_watched(work: Coroutine[Any, Any, Outcome], reporter: Reporter) -> Outcome:
    """Run `work` in an event loop of its own; raises what it raises, or Stopped after having cancelled it."""
    return asyncio.run(_watch(work, reporter))


async def _watch(work: Coroutine[Any, Any, Outcome], reporter: Reporter) -> Outcome:
    """Run `work` as a task and check the reporter until it is done."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            reporter.check()
            await asyncio.wait({task}, timeout=CHECK_INTERVAL)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def run_concurrently(coroutines: list[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
    """Await all coroutines at once and return their results in order; the first failure cancels the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


class Progress:
    """A count of what the models have done; it is logged every PROGRESS_STEP answers, and the reporter may stop it."""

    def __init__(self, label: str, total: int, reporter: Reporter) -> None:
        self.label = label
        self.total = total
        self.reporter = reporter
        self.done = 0

    def count(self) -> None:
        """Count one more; raises Stopped."""
        self.done += 1
        if self.done % PROGRESS_STEP == 0 or self.done == self.total:
            self.reporter.message(f"[VALIDATE] {self.done}/{self.total} {self.label}", done=self.done, total=self.total)
        self.reporter.check()
