"""Run a day in ten minutes and say what grew: `make soak`, which is `python -m tests.soak [--jobs N] [--minutes N]`.

Real Redis, API, workers and reconciler, each a process of its own; the work of a phase and the engines are played, and
intervals are shortened. A third of the jobs warm everything up. What is measured is measured twice at rest, before and
after the others, with the same number of ended jobs left. The last line is
`soak: jobs=<n> rss_growth_mb=<n> fds=<n> redis_growth_mb=<n> disk_growth_mb=<n>`; more than the limits is a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import psutil

from bench.load import is_healthy, running, running_redis
from scriptorium.jobs.runner import Context, open_context
from scriptorium.local.services import WORKERS
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings
from tests.integration.standins import BASE, AnsweringEngine, serving
from tests.soak.day import Day
from tests.soak.meter import Growth, Measurement, compare, take_sample
from tests.soak.played_phases import ENGINE_URL

REST = 20.0  # seconds until everything has gone that goes by itself
PROGRESS_INTERVAL = 20.0  # seconds
LIMITS = {"rss_mb": 16.0, "fds": 4, "threads": 4, "redis_mb": 0.5, "disk_mb": 1.0}


def main() -> int:
    """Run the soak; return 1 if something grew or went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=9.0, help="over which the jobs are spread, at least")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="scriptorium-soak-"))
    settings, engine = make_settings(folder), AnsweringEngine()
    try:
        with serving(engine.app()) as os.environ[ENGINE_URL], running_stack(settings) as processes:
            growth, problems = asyncio.run(soak(settings, processes, engine, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(settings.runtime_dir, ignore_errors=True)
    grown = [name for name, limit in LIMITS.items() if getattr(growth, name) > limit]
    for problem in (*problems, *(f"more than the limit: {name}" for name in grown)):
        say(problem)
    sys.stdout.write(f"{growth}\n")
    return 1 if problems or grown else 0


def make_settings(folder: Path) -> Settings:
    """Return settings of a short day, with a base model that nobody reads."""
    base = folder / "data" / "models" / BASE
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    durations: dict[str, float] = {
        "lease_ttl": 5, "heartbeat": 0.2, "reaper_interval": 0.5, "reaper_grace": 3, "sweep_interval": 3,
        "sweep_grace": 2, "engine_idle": 4, "chat_wait": 3, "chat_grace": 1, "device_patience": 1, "repeat_window": 3,
    }  # fmt: skip
    return Settings(
        data_dir=folder / "data", api_port=free_port("127.0.0.1"), redis_url="", device="cpu", machine="soak",
        default_recipe="cpu", max_log_bytes=20_000, min_free_bytes=0,
        **{name: timedelta(seconds=seconds) for name, seconds in durations.items()},
    )  # fmt: skip


@contextmanager
def running_stack(settings: Settings) -> Iterator[dict[str, psutil.Process]]:
    """Run Redis, the API and every worker; yield our own processes by name."""
    with ExitStack() as stack:
        stack.enter_context(running_redis(settings))
        open_context(settings).store.client.config_set("auto-aof-rewrite-min-size", "1mb")
        answers: dict[str, Callable[[], bool]] = {"api": lambda: asyncio.run(is_healthy(settings))}
        processes = {}
        for name in ("api", *WORKERS):
            line = [sys.executable, "-m", "tests.soak.process", name]
            pid = stack.enter_context(running(line, settings, answers.get(name, lambda: True)))
            processes[name] = psutil.Process(pid)
        yield processes


async def soak(
    settings: Settings, processes: Mapping[str, psutil.Process], engine: AnsweringEngine, options: argparse.Namespace
) -> tuple[Growth, list[str]]:
    """Warm up, measure, live on, measure again; return what grew, and what should not have happened."""
    context, warm_up = open_context(settings), options.jobs // 3
    rest, seconds = options.jobs - warm_up, options.minutes * 60
    url = f"http://{settings.api_host}:{settings.api_port}"
    limits = httpx.Limits(max_connections=None, keepalive_expiry=2)  # before the API closes what is idle
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False) as http:
        day = Day(http)
        progress = asyncio.create_task(report_progress(context, processes, engine, day))
        before = await live_through(day, warm_up, seconds * warm_up / options.jobs, context, processes)
        after = await live_through(day, rest, seconds * rest / options.jobs, context, processes)
        progress.cancel()
    for name, sample in (("before", before), ("after", after)):
        say(f"{name}: {sample}")
    problems = [f"{number} x {problem}" for problem, number in day.problems.items()]
    return compare(before, after, day.tally["succeeded"]), problems


async def live_through(
    day: Day, jobs: int, seconds: float, context: Context, processes: Mapping[str, psutil.Process]
) -> Measurement:
    """Live until some jobs have ended, rest, and measure."""
    living = asyncio.create_task(day.live())
    await day.run_jobs(jobs, seconds)
    living.cancel()
    await asyncio.wait([living])
    await asyncio.sleep(REST)
    return take_sample(context, processes)


async def report_progress(
    context: Context, processes: Mapping[str, psutil.Process], engine: AnsweringEngine, day: Day
) -> None:
    """Say now and then what was done, and how large everything is; let the played engine forget its requests."""
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL)
        engine.requests.clear()
        counts = " ".join(f"{name}={number}" for name, number in sorted(day.tally.items()))
        say(f"{counts}; {await asyncio.to_thread(take_sample, context, processes)}")


def say(text: str) -> None:
    """Print a line with the time."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
