"""From a snapshot of the store to values by label: one small function per metric, or per family of them."""

from __future__ import annotations

import shutil
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from scriptorium import __version__, metrics
from scriptorium.contracts import Job, Status
from scriptorium.errors import Stopped, leaves
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.metrics import Metric
from scriptorium.store.leases import LeaseState
from services.api.monitoring.snapshot import Snapshot

Values = dict[tuple[str, ...], float]
Gauge = tuple[Metric, Values]

CODES = [leaf.code for leaf in leaves() if not issubclass(leaf, Stopped)]


def of_the_machine(data_dir: Path) -> Iterator[Gauge]:
    """What is known without a store."""
    yield metrics.BUILD, {(__version__,): 1}
    if data_dir.exists():
        disk = shutil.disk_usage(data_dir)
        yield metrics.VOLUME_SIZE, {(): disk.total}
        yield metrics.VOLUME_FREE, {(): disk.free}


def of_the_store(seen: Snapshot) -> Iterator[Gauge]:
    """What the store knows."""
    yield metrics.QUEUE_LENGTH, {(name,): count for name, count in seen.waiting.items()}
    yield metrics.QUEUE_WAIT, queue_waits(seen)
    yield metrics.ENGINES, engine_states(seen)
    yield from gpu_lease(seen)
    yield metrics.JOBS, job_states(seen)
    yield metrics.FAILURES, failures(seen)
    yield metrics.CREATED, {(job.id,): job.created_at for job in seen.shown}
    yield metrics.ATTEMPTS, attempts(seen)
    yield metrics.RUNNING, running(seen)
    yield metrics.HEARTBEAT_AGE, heartbeat_ages(seen)
    yield metrics.SILENCE, silences(seen)
    yield from reported(seen)


def queue_waits(seen: Snapshot) -> Values:
    """The longest wait in each queue: of jobs whose phase was sent and not claimed since."""
    waits: Values = {(name,): 0.0 for name in queue.QUEUES.values()}
    for job in seen.active:
        if is_waiting(job, seen.lease(job)):
            label = (queue.QUEUES[TABLE[job.phase].task],)
            waits[label] = max(waits[label], seen.now - job.sent_at)
    return waits


def is_waiting(job: Job, lease: LeaseState) -> bool:
    """Whether a job's phase was sent to its queue and no worker has claimed it since."""
    return job.status is not Status.PAUSED and lease.holder is None and job.sent_at > (lease.granted_at or 0)


def engine_states(seen: Snapshot) -> Values:
    """How many served models have an engine in each state."""
    states = Tally(engine.state for engine in seen.engines)
    return {(state,): states[state] for state in ("starting", "ready", "failed")}


def gpu_lease(seen: Snapshot) -> Iterator[Gauge]:
    """Who holds the GPU, since when, how often it was granted, and how long its last holder waited."""
    yield metrics.GPU_HELD, holders(seen.gpu.holder)
    yield metrics.GPU_AGE, {(): age(seen, seen.gpu.granted_at if seen.gpu.holder else None)}
    yield metrics.GPU_GRANTS, {(): seen.gpu.grants}
    yield metrics.GPU_WAITED, {(): seen.gpu.waited}


def holders(name: str | None) -> Values:
    """1 for who holds the GPU, 0 for the others: a fixed set, so that a board sees who let go."""
    kind = "nobody" if name is None else "training" if name.startswith("ftjob-") else "server"
    return {(other,): other == kind for other in ("training", "server", "nobody")}


def job_states(seen: Snapshot) -> Values:
    """How many jobs are in each status."""
    tally = Tally(job.status for job in seen.jobs)
    return {(status,): tally[status] for status in Status}


def failures(seen: Snapshot) -> Values:
    """How many jobs failed with each code."""
    tally = Tally(job.error.code for job in seen.jobs if job.error)
    return {(code,): tally[code] for code in {**dict.fromkeys(CODES), **tally}}


def attempts(seen: Snapshot) -> Values:
    """How often each phase was begun."""
    return {(job.id, phase): count for job in seen.shown for phase, count in job.attempts.items()}


def running(seen: Snapshot) -> Values:
    """Which phases are worked on, and where; a holder is "host:process"."""
    held = [(job, seen.lease(job).holder) for job in seen.active]
    return {(job.id, job.phase, holder.rpartition(":")[0]): 1 for job, holder in held if holder}


def heartbeat_ages(seen: Snapshot) -> Values:
    """How long the worker of each claimed phase has been silent to the store."""
    beats = {(job.id, job.phase): seen.lease(job).renewed_at for job in seen.active}
    return {labels: age(seen, beat) for labels, beat in beats.items() if beat is not None}


def silences(seen: Snapshot) -> Values:
    """How long each running job has said nothing; one whose phase nobody has claimed yet only waits."""
    begun = [job for job in seen.active if job.phase in job.attempts]
    jobs = [job for job in begun if job.status in (Status.VALIDATING, Status.RUNNING)]
    return {(job.id,): age(seen, seen.told[job.id]) for job in jobs if job.id in seen.told}


def reported(seen: Snapshot) -> Iterator[Gauge]:
    """The numbers that workers reported, of ended jobs as well: boards compare runs."""
    found: dict[Metric, Values] = defaultdict(dict)
    for job_id, numbers in seen.numbers.items():
        for key, value in numbers.items():
            if known := metrics.find(key):
                metric, labels = known
                found[metric][(job_id, *labels)] = value
    yield from ((metric, found[metric]) for metric in metrics.OF_A_JOB.values())


def age(seen: Snapshot, moment: float | None) -> float:
    """Seconds since a moment, 0 without one; never negative where the clocks of two machines differ."""
    return max(0.0, seen.now - moment) if moment is not None else 0.0
