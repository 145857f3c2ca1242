"""Ten thousand ended jobs, a thousand queued ones and a million events: `python -m bench.load`.

A real Redis as the local stack starts it and the real API run as children; the store is filled in its own layout. Then:
20 clients read the list, single jobs and pages of events; Prometheus scrapes; the reaper makes a round; 500 clients
follow jobs while events are appended. Prints what it measures, and as its last line
`load: list_p95_ms=<n> job_p95_ms=<n> events_p95_ms=<n> scrape_ms=<n> reaper_round_ms=<n> redis_mb=<n> sse_clients=<n>
lost=<n>`. A time depends on what else the machine does: the line before the last says how busy it was.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil

from bench.load_clients import Follower, HttpClient, percentile, time_reads
from bench.load_store import EVENTS_PER_ENDED_JOB, fill
from scriptorium.contracts import Event, Job
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.queue import count_waiting, send
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.runner import Context, open_context
from scriptorium.local.services import redis_line, service_environment
from scriptorium.process.child import DIE_WITH_PARENT, wait_until
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings, get_settings

CLIENTS = 20
PAUSE = 0.1  # seconds between two reads of one client
READ_SECONDS = 10.0
REPEATS = 5
FOLLOWERS = 500
FOLLOWED_JOBS = 50
ROUNDS = 20
ROUND_SECONDS = 0.5
CHECKED_JOBS = 500
START_TIMEOUT = timedelta(minutes=3)
TAKEOVER_TIMEOUT = timedelta(minutes=10)
MB = 1 << 20


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between two reads of one client")
    pause = parser.parse_args().pause
    raise_file_limit()
    folder = Path(tempfile.mkdtemp(prefix="scriptorium-load-"))
    os.environ |= {
        "SCRIPTORIUM_DATA_DIR": str(folder / "data"),
        "SCRIPTORIUM_API_PORT": str(free_port("127.0.0.1")),
        "SCRIPTORIUM_REDIS_URL": "",
    }
    get_settings.cache_clear()
    settings = get_settings()
    try:
        with running_redis(settings):
            measure(settings, pause)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(settings.runtime_dir, ignore_errors=True)


def measure(settings: Settings, pause: float) -> None:
    """Fill the store, start the API and measure everything."""
    context = open_context(settings)
    started = time.monotonic()
    context.store.client.config_set("appendfsync", "no")  # a million small writes
    ended, queued = fill(context.store)
    context.store.client.config_set("appendfsync", "always")
    for job in queued:
        send(TABLE[job.phase].task, job.id)
    print(f"filled in {time.monotonic() - started:.0f} s: {redis_mb(context):.0f} MB", flush=True)
    with running_api(settings):
        started = time.monotonic()
        await_takeover(context)
        print(f"taken over in {time.monotonic() - started:.0f} s: {redis_mb(context):.0f} MB", flush=True)
        results = asyncio.run(measure_reads(settings, [*ended, *queued], pause))
        results["scrape_ms"] = asyncio.run(time_scrapes(settings))
        results["reaper_round_ms"] = time_reaper(context)
        results["redis_mb"] = redis_mb(context)
        lost, delay = asyncio.run(follow_jobs(context, queued[-FOLLOWED_JOBS:]))
        lost += asyncio.run(count_lost(settings, ended))
    load = os.getloadavg()[0]
    print(f"median delay of an event {delay * 1000:.0f} ms; load average {load:.1f} on {os.cpu_count()} cores")
    numbers = " ".join(f"{name}={value:.0f}" for name, value in results.items())
    print(f"load: {numbers} sse_clients={FOLLOWERS} lost={lost}")


def raise_file_limit() -> None:
    """Allow as many open files as the system lets us: every follower is one here and one in the API."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def running_redis(settings: Settings) -> Iterator[None]:
    """Run a Redis as the local stack does."""
    for folder in (settings.runtime_dir, settings.data_dir / "redis"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with running(redis_line(settings), settings, open_context(settings, patient=False).store.ping):
        yield


@contextmanager
def running_api(settings: Settings) -> Iterator[None]:
    """Run the API in a process of its own."""
    line = [sys.executable, "-m", "services.api.worker"]
    with running(line, settings, lambda: asyncio.run(is_healthy(settings))):
        yield


@contextmanager
def running(line: list[str], settings: Settings, answers: Callable[[], bool]) -> Iterator[int]:
    """Run a program until the end of the block, and yield its id; its output is shown if it does not start."""
    with tempfile.TemporaryFile("w+") as log:
        environment = service_environment(settings)
        with subprocess.Popen([*DIE_WITH_PARENT, *line], stdout=log, stderr=log, env=environment) as process:
            try:
                if not wait_until(lambda: answers() or process.poll() is not None, START_TIMEOUT) or process.poll():
                    log.seek(0)
                    raise SystemExit(f"{line} does not start: {log.read()[-2000:]}")
                yield process.pid
            finally:
                process.terminate()


async def is_healthy(settings: Settings) -> bool:
    """Return whether the API answers."""
    client = HttpClient(settings.api_host, settings.api_port)
    try:
        return bool(await client.get("/healthz"))
    except OSError:
        return False
    finally:
        client.close()


def await_takeover(context: Context) -> None:
    """Wait until the API has indexed the old store and archived the events of ended jobs."""
    index = context.store.jobs.index
    index.ensure()
    wait_until(lambda: not index.count_unarchived(), TAKEOVER_TIMEOUT, interval=1)


async def measure_reads(settings: Settings, jobs: list[Job], pause: float) -> dict[str, float]:
    """Return the 95th percentile of each kind of read, in ms; half of the pages of events begin amid a job's log."""
    base, chosen = "/v1/fine_tuning/jobs", random.Random(1)  # noqa: S311

    def choose_events() -> str:
        job = chosen.choice(jobs)
        after = f"?after=ftevent-{(job.created_at + 50) * 1000}-0" if chosen.random() < 0.5 else ""
        return f"{base}/{job.id}/events{after}"

    paths: dict[str, Callable[[], str]] = {
        "list": lambda: f"{base}?limit=20",
        "job": lambda: f"{base}/{chosen.choice(jobs).id}",
        "events": choose_events,
    }
    results, api = {}, find_api(settings)
    for name, choose in paths.items():
        before = sum(api.cpu_times()[:2])
        times = await time_reads(
            settings.api_host, settings.api_port, choose, clients=CLIENTS, seconds=READ_SECONDS, pause=pause
        )
        results[f"{name}_p95_ms"] = percentile(times, 0.95) * 1000
        median, p95, longest = (percentile(times, share) * 1000 for share in (0.5, 0.95, 1))
        cpu = (sum(api.cpu_times()[:2]) - before) / len(times) * 1000
        print(f"{name}: {len(times)} reads, median {median:.1f} ms, p95 {p95:.1f} ms, longest {longest:.0f} ms; "
              f"{cpu:.1f} ms of the API's CPU time each", flush=True)  # fmt: skip
    return results


def find_api(settings: Settings) -> psutil.Process:
    """Return the API's process: the child that listens on its port."""
    return next(
        child for child in psutil.Process().children(recursive=True)
        if any(link.laddr.port == settings.api_port for link in child.net_connections("tcp"))
    )  # fmt: skip


async def time_scrapes(settings: Settings) -> float:
    """Return the median time of a scrape, in ms."""
    client, times = HttpClient(settings.api_host, settings.api_port), []
    for _ in range(REPEATS):
        started = time.perf_counter()
        body = await client.get("/metrics")
        times.append((time.perf_counter() - started) * 1000)
    client.close()
    print(f"scrapes: {[round(value) for value in times]} ms, {len(body) // 1000} kB", flush=True)
    return statistics.median(times)


def time_reaper(context: Context) -> float:
    """Return the median time of a round of the reaper that finds nothing to do, in ms."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        resent = reap(context, count_waiting)
        times.append((time.perf_counter() - started) * 1000)
    print(f"rounds of the reaper: {[round(value) for value in times]} ms, {len(resent)} sent again", flush=True)
    return statistics.median(times)


def redis_mb(context: Context) -> float:
    """Return the memory that Redis uses, in MB."""
    memory: dict[str, int] = context.store.client.info("memory")  # type: ignore[assignment]
    return memory["used_memory"] / MB


async def follow_jobs(context: Context, jobs: list[Job]) -> tuple[int, float]:
    """Follow jobs while events are appended, to their end; return lost events and the median delay in seconds."""
    settings = context.settings
    followers = [
        Follower(settings.api_host, settings.api_port, jobs[number % len(jobs)].id) for number in range(FOLLOWERS)
    ]
    tasks = [asyncio.create_task(follower.follow()) for follower in followers]
    await asyncio.gather(*(follower.begun.wait() for follower in followers))
    appended: dict[str, list[str]] = {job.id: [] for job in jobs}
    for number in range(ROUNDS):
        started = time.monotonic()
        await asyncio.to_thread(append_round, context, appended, number)
        await asyncio.sleep(max(0.0, ROUND_SECONDS - (time.monotonic() - started)))
    for job in jobs:
        await asyncio.to_thread(context.pipeline.cancel, job.id)
    await asyncio.wait(tasks, timeout=30)
    lost = sum(len(set(appended[follower.job_id]) - set(follower.ids)) + (not follower.ended) for follower in followers)
    doubled = sum(len(follower.ids) - len(set(follower.ids)) for follower in followers)
    delays = [delay for follower in followers for delay in follower.delays]
    print(f"followed: {len(delays)} events arrived, p95 of their delay {percentile(delays, 0.95) * 1000:.0f} ms, "
          f"{doubled} twice", flush=True)  # fmt: skip
    return lost + doubled, statistics.median(delays)


def append_round(context: Context, appended: dict[str, list[str]], number: int) -> None:
    """Append one event to each job."""
    for job_id, ids in appended.items():
        event = Event(created_at=int(time.time()), message=f"Step {number}", data={"sent_at": time.time()})
        ids.append(context.store.events.append(job_id, event))


async def count_lost(settings: Settings, ended: list[Job]) -> int:
    """Page through the events of some ended jobs and return how many are missing or out of order."""
    client, lost = HttpClient(settings.api_host, settings.api_port), 0
    for job in ended[:: len(ended) // CHECKED_JOBS]:
        ids, after = list[str](), ""
        while True:
            page = json.loads(await client.get(f"/v1/fine_tuning/jobs/{job.id}/events?limit=50{after}"))
            ids += [event["id"] for event in page["data"]]
            if not page["has_more"]:
                break
            after = f"&after={page['last_id']}"
        expected = [f"ftevent-{(job.created_at + second) * 1000}-0" for second in range(len(ids))][::-1]
        lost += abs(EVENTS_PER_ENDED_JOB - len(ids)) + sum(
            one != other for one, other in zip(ids, expected, strict=True)
        )
    client.close()
    return lost


if __name__ == "__main__":
    main()
