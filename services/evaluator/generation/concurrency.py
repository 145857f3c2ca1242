"""Run concurrent work to its end, or stop it cleanly as soon as the report says so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from scriptorium.jobs.reporter import Reporter

Outcome = TypeVar("Outcome")

STEP = 16  # answers between two lines of progress
PERIOD = 0.5  # seconds between two looks at the report: a cancelled job should feel cancelled


def run_watched(work: Coroutine[Any, Any, Outcome], reporter: Reporter) -> Outcome:
    """Run `work` in an event loop of its own; raises what it raises, or Stopped after having cancelled it."""
    return asyncio.run(_watch(work, reporter))


async def _watch(work: Coroutine[Any, Any, Outcome], reporter: Reporter) -> Outcome:
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            reporter.check()
            await asyncio.wait({task}, timeout=PERIOD)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


async def together(works: list[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
    """Await all of `works` at once, in their order; the first failure cancels the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


class Progress:
    """Counts what the models have done, tells every so many, and lets the report stop it."""

    def __init__(self, what: str, total: int, reporter: Reporter) -> None:
        self.what = what
        self.total = total
        self.reporter = reporter
        self.done = 0

    def count(self) -> None:
        """One more is done; raises Stopped."""
        self.done += 1
        if self.done % STEP == 0 or self.done == self.total:
            self.reporter.message(f"[VALIDATE] {self.done}/{self.total} {self.what}", done=self.done, total=self.total)
        self.reporter.check()
