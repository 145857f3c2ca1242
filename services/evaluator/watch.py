"""Run concurrent work to its end, or stop it cleanly as soon as the report says so."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from scriptorium.report import Report

Outcome = TypeVar("Outcome")

PERIOD = 0.5  # seconds between two looks at the report: a cancelled job should feel cancelled


def run_watched(work: Coroutine[Any, Any, Outcome], report: Report) -> Outcome:
    """Run `work` in an event loop of its own; raises what it raises, or Stopped after having cancelled it."""
    return asyncio.run(_watch(work, report))


async def _watch(work: Coroutine[Any, Any, Outcome], report: Report) -> Outcome:
    task = asyncio.ensure_future(work)
    try:
        while not task.done():
            report.check()
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
