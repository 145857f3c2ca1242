"""The metrics computed from a snapshot of the store: one small function per metric, or per family of metrics."""

from __future__ import annotations

import shutil
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from scriptorium import __version__, metrics
from scriptorium.contracts import DecisionKind, Job, Status
from scriptorium.contracts.delivery import DELIVERY_RESULTS, Channel
from scriptorium.errors import Stopped, leaves
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.metrics import Metric
from scriptorium.store.leases import LeaseState
from services.api.monitoring.snapshot import Snapshot

Values = dict[tuple[str, ...], float]
Gauge = tuple[Metric, Values]

FAILURE_CODES = [leaf.code for leaf in leaves() if not issubclass(leaf, Stopped)]


def machine_gauges(data_dir: Path) -> Iterator[Gauge]:
    """Yield the metrics that do not need the store."""
    yield metrics.BUILD, {(__version__,): 1}
    if data_dir.exists():
        disk = shutil.disk_usage(data_dir)
        yield metrics.VOLUME_SIZE, {(): disk.total}
        yield metrics.VOLUME_FREE, {(): disk.free}


def store_gauges(snapshot: Snapshot) -> Iterator[Gauge]:
    """Yield the metrics that come from the store."""
    yield metrics.QUEUE_LENGTH, {(name,): count for name, count in snapshot.queue_lengths.items()}
    yield metrics.QUEUE_WAIT, queue_waits(snapshot)
    yield metrics.ENGINES, engine_counts(snapshot)
    yield from gpu_lease_gauges(snapshot)
    yield metrics.DELIVERIES, delivery_counts(snapshot)
    yield metrics.JOBS, status_counts(snapshot)
    yield metrics.QUESTIONS, question_counts(snapshot)
    yield metrics.FAILURES, failure_counts(snapshot)
    yield metrics.CREATED, {(job.id,): job.created_at for job in snapshot.shown_jobs}
    yield metrics.ATTEMPTS, attempt_counts(snapshot)
    yield metrics.RUNNING, running_phases(snapshot)
    yield metrics.HEARTBEAT_AGE, heartbeat_ages(snapshot)
    yield metrics.SILENCE, job_silences(snapshot)
    yield from reported_gauges(snapshot)


def queue_waits(snapshot: Snapshot) -> Values:
    """Return the longest wait in each queue, of jobs whose phase was sent and not claimed since."""
    waits: Values = {(name,): 0.0 for name in queue.QUEUES.values()}
    for job in snapshot.active:
        if is_waiting(job, snapshot.lease(job)):
            label = (queue.QUEUES[TABLE[job.phase].task],)
            waits[label] = max(waits[label], snapshot.now - job.sent_at)
    return waits


def is_waiting(job: Job, lease: LeaseState) -> bool:
    """Return whether a job's phase was sent to its queue and no worker has claimed it since."""
    return job.status is not Status.PAUSED and lease.holder is None and job.sent_at > (lease.granted_at or 0)


def engine_counts(snapshot: Snapshot) -> Values:
    """Count the served models whose engine is in each state."""
    states = Tally(engine.state for engine in snapshot.engines)
    return {(state,): states[state] for state in ("preparing", "starting", "ready", "leaving", "failed")}


def gpu_lease_gauges(snapshot: Snapshot) -> Iterator[Gauge]:
    """Yield who holds the GPU, since when, how often it was granted, and how long its last holder waited."""
    yield metrics.GPU_HELD, gpu_holders(snapshot.gpu.holder)
    yield metrics.GPU_AGE, {(): seconds_since(snapshot, snapshot.gpu.granted_at if snapshot.gpu.holder else None)}
    yield metrics.GPU_GRANTS, {(): snapshot.gpu.grants}
    yield metrics.GPU_WAITED, {(): snapshot.gpu.waited}


def gpu_holders(name: str | None) -> Values:
    """Return 1 for the holder of the GPU and 0 for the others: a fixed set, so that a board sees who released it."""
    holder = "nobody" if name is None else "training" if name.startswith(JOB_PREFIX) else "server"
    return {(kind,): kind == holder for kind in ("training", "server", "nobody")}


def delivery_counts(snapshot: Snapshot) -> Values:
    """Count the attempts to deliver by channel and result."""
    return {
        (channel, result): snapshot.deliveries.get(f"{channel}/{result}", 0)
        for channel in Channel
        for result in DELIVERY_RESULTS
    }


def status_counts(snapshot: Snapshot) -> Values:
    """Count the jobs in each status."""
    return {(status,): snapshot.counts.statuses.get(status, 0) for status in Status}


def question_counts(snapshot: Snapshot) -> Values:
    """Count the jobs that wait for an answer to each kind of question; other paused jobs wait for their resume."""
    counts = Tally(job.open_decision.kind for job in snapshot.active if job.open_decision)
    return {(kind,): counts[kind] for kind in DecisionKind}


def failure_counts(snapshot: Snapshot) -> Values:
    """Count the jobs that failed with each code."""
    counts = snapshot.counts.errors
    return {(code,): counts.get(code, 0) for code in {**dict.fromkeys(FAILURE_CODES), **counts}}


def attempt_counts(snapshot: Snapshot) -> Values:
    """Count how often each phase was started."""
    return {(job.id, phase): count for job in snapshot.shown_jobs for phase, count in job.attempts.items()}


def running_phases(snapshot: Snapshot) -> Values:
    """Return the running phases with their hosts; a lease's holder is "host:process"."""
    holders = [(job, snapshot.lease(job).holder) for job in snapshot.active]
    return {(job.id, job.phase, holder.rpartition(":")[0]): 1 for job, holder in holders if holder}


def heartbeat_ages(snapshot: Snapshot) -> Values:
    """Return the time since the last heartbeat of the worker of each claimed phase."""
    heartbeats = {(job.id, job.phase): snapshot.lease(job).renewed_at for job in snapshot.active}
    return {
        labels: seconds_since(snapshot, heartbeat) for labels, heartbeat in heartbeats.items() if heartbeat is not None
    }


def job_silences(snapshot: Snapshot) -> Values:
    """Return the time since the last event of each running job; one whose phase is not claimed yet only waits."""
    started = [job for job in snapshot.active if job.phase in job.attempts]
    jobs = [job for job in started if job.status in (Status.VALIDATING, Status.RUNNING)]
    times = snapshot.last_event_times
    return {(job.id,): seconds_since(snapshot, times[job.id]) for job in jobs if job.id in times}


def reported_gauges(snapshot: Snapshot) -> Iterator[Gauge]:
    """Yield the numbers that workers reported, also those of ended jobs: boards compare runs."""
    values_by_metric: dict[Metric, Values] = defaultdict(dict)
    for job_id, numbers in snapshot.numbers.items():
        for key, value in numbers.items():
            if match := metrics.find_metric(key):
                metric, labels = match
                values_by_metric[metric][(job_id, *labels)] = value
    yield from ((metric, values_by_metric[metric]) for metric in metrics.JOB_METRICS.values())


def seconds_since(snapshot: Snapshot, moment: float | None) -> float:
    """Return the seconds since a moment, 0 without one; never negative, even if the clocks of two machines differ."""
    return max(0.0, snapshot.now - moment) if moment is not None else 0.0
