"""How any phase runs: claim, renew the lease, work in a temporary folder, publish, advance, or fail.

    run_phase(job_id, Phase.MERGE, work=merge_adapter)

is all that a service's task does. `work` is a plain function (request, folder, report) -> result.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from scriptorium import __version__
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Checkpoint, Decision, Event, EventType, Job, JobError, Level, Phase, Request, Result
from scriptorium.errors import (
    Cancelled,
    DecisionNeeded,
    InternalError,
    Interrupted,
    LeaseLost,
    ScriptoriumError,
    StoreUnavailable,
)
from scriptorium.jobs.gpu_lease import hold_gpu
from scriptorium.jobs.phase_metrics import RESULTS, measure, measure_manifest
from scriptorium.jobs.pipeline import TABLE, Pipeline, guard, waiting_status
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import MAKERS, Rooms
from scriptorium.settings import Settings, get_settings
from scriptorium.store import Lease, Store, open_store
from scriptorium.store.connection import store_errors

log = logging.getLogger(__name__)

RequestT = TypeVar("RequestT", bound=Request)
ResultT = TypeVar("ResultT", bound=Result)
Work = Callable[[RequestT, Path, Reporter], ResultT]
HandOn = Callable[[list[Path], Path], None]
Learn = Callable[[Job, ResultT, Volume], dict[str, object]]

shutdown = threading.Event()  # set by the worker's entrypoint when the process is told to stop


@dataclass(frozen=True)
class Context:
    """What a worker process works with; made once by `open_context`, or by a test."""

    settings: Settings
    store: Store
    volume: Volume
    pipeline: Pipeline


def open_context(settings: Settings | None = None, *, patient: bool = True) -> Context:
    """The context that the settings describe; a worker's store is patient, for work must outlive a restart of Redis."""
    settings = settings or get_settings()
    store = open_store(settings.store_url, patient=patient)
    volume = Volume(settings.data_dir, settings.models)
    return Context(settings, store, volume, Pipeline(store, volume))


def run_phase(
    job_id: str,
    phase: Phase,
    work: Work[Any, Any],
    *,
    hand_on: HandOn | None = None,
    learn: Learn[Any] | None = None,
    needs_gpu: bool = False,
    context: Context | None = None,
) -> None:
    """Run one attempt at a phase of a job, if it is to be had.

    A phase that `needs_gpu` waits for its lease first. `hand_on` moves what earlier attempts left into the new folder
    (checkpoints, finished shards); `learn` says what the job's record should remember of the result.
    """
    context = context or open_context()
    with store_errors():
        lease = claim(context, job_id, phase)
        if lease is None:
            log.info("%s of %s is not to be had: done, held or moved on", phase, job_id)
            return
        with Attempt(context, job_id, phase, lease) as attempt:
            attempt.run(work, hand_on, learn, needs_gpu)


def claim(context: Context, job_id: str, phase: Phase) -> Lease | None:
    """Take the phase; the job's record says so at the same moment."""

    def begin(job: Job, token: int) -> Job:
        attempts = {**job.attempts, phase: token}
        return job.model_copy(update={"attempts": attempts, "status": waiting_status(phase)})

    holder = f"{socket.gethostname()}:{os.getpid()}"
    return context.store.leases.claim(job_id, phase, holder, context.settings.lease_ttl, begin)


class Attempt:
    """One attempt: a lease that a thread keeps alive, and the report that the work speaks through."""

    def __init__(self, context: Context, job_id: str, phase: Phase, lease: Lease) -> None:
        self.context = context
        self.job_id = job_id
        self.phase = phase
        self.lease = lease
        self._stop: ScriptoriumError | None = None
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"lease-{phase}", daemon=True)

    def __enter__(self) -> Attempt:
        self._heart.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._heart.join()
        self.context.store.leases.release(self.lease)

    def run(self, work: Work[Any, Any], hand_on: HandOn | None, learn: Learn[Any] | None, needs_gpu: bool) -> None:
        """Work, publish and advance; every failure ends up in the job's record, but for the store's own."""
        try:
            with store_errors():
                result = self._produce(work, hand_on, needs_gpu)
                learned = learn(self._job(), result, self.context.volume) if learn else {}
                self.context.pipeline.advance(self.job_id, self.phase, self.lease.token, **learned)
            self.context.volume.discard_attempts(self.job_id, self.phase)
        except Cancelled:
            self.context.pipeline.cancelled(self.job_id)
        except DecisionNeeded as stopped:
            log.info("%s of %s waits for an answer: %s", self.phase, self.job_id, stopped)
        except Interrupted as stopped:
            log.warning("%s of %s stopped: %s", self.phase, self.job_id, stopped)
            self.context.pipeline.excuse(self.job_id, self.phase)
        except LeaseLost as stopped:
            log.warning("%s of %s stopped: %s", self.phase, self.job_id, stopped)
        except StoreUnavailable:
            raise  # the job is not to blame: the reaper takes the phase up again
        except ScriptoriumError as error:
            self._fail(error)
        except Exception as error:
            log.exception("%s of %s failed", self.phase, self.job_id)
            self._fail(InternalError(f"{self.phase} failed unexpectedly ({type(error).__name__})."))

    def _produce(self, work: Work[Any, Any], hand_on: HandOn | None, needs_gpu: bool) -> Any:
        job, volume = self._job(), self.context.volume
        done = volume.published(self.job_id, self.phase)
        if done is not None:
            log.info("%s of %s was published before; nothing to do", self.phase, self.job_id)
            self._remember(measure_manifest(self.phase, done))
            return RESULTS[self.phase].model_validate(done["result"])
        folder = volume.attempt(self.job_id, self.phase, self.lease.token)
        if hand_on:
            hand_on(volume.earlier_attempts(self.job_id, self.phase, self.lease.token), folder)
        request = MAKERS[self.phase](job, Rooms(self.context.settings, volume))
        reporter = JobReport(self)
        reporter.check()
        volume.save_job(job)
        with self._gpu(reporter) if needs_gpu else nullcontext():
            self._begin()
            started = time.monotonic()
            result = work(request, folder, reporter)
        reporter.check()
        seconds = round(time.monotonic() - started, 3)
        self._publish(folder, request, result, seconds)
        self._remember(measure(self.phase, result, seconds))
        return result

    def _remember(self, numbers: Mapping[str, float]) -> None:
        self.context.store.jobs.set_progress(self.job_id, numbers)

    def _gpu(self, reporter: Reporter) -> AbstractContextManager[Lease]:
        return hold_gpu(self.context.store, self.job_id, self.context.settings.lease_ttl, reporter)

    def _begin(self) -> None:
        """Say that the work itself begins: what waited for the GPU was only queued. Raises LeaseLost."""

        def change(job: Job) -> Job:
            guard(job, self.phase, self.lease.token)  # a job that was cancelled meanwhile stays cancelled
            return job.model_copy(update={"status": TABLE[self.phase].status})

        self.context.store.jobs.update(self.job_id, change)

    def _publish(self, folder: Path, request: Request, result: Result, seconds: float) -> None:
        if not self.context.store.leases.renew(self.lease, self.context.settings.lease_ttl):
            raise LeaseLost(f"another attempt holds {self.phase} of {self.job_id}")
        body = {
            "job": self.job_id,
            "phase": self.phase,
            "attempt": self.lease.token,
            "seconds": seconds,
            "versions": {"scriptorium": __version__, "python": platform.python_version()},
            "request": request.model_dump(mode="json"),
            "result": result.model_dump(mode="json"),
        }
        self.context.volume.publish(self.job_id, self.phase, folder, body)

    def _fail(self, error: ScriptoriumError) -> None:
        body = JobError(code=error.code, message=str(error), param=error.param, next_step=error.next_step)
        try:
            self.context.pipeline.fail(self.job_id, self.phase, self.lease.token, body)
        except LeaseLost as lost:
            log.warning("a late failure is not recorded: %s", lost)

    def _job(self) -> Job:
        return self.context.store.jobs.get(self.job_id)

    @property
    def stop(self) -> ScriptoriumError | None:
        """Why the work should stop, once it should."""
        return Interrupted("the worker is shutting down") if shutdown.is_set() and not self._stop else self._stop

    def _beat(self) -> None:
        while not self._ended.wait(self.context.settings.heartbeat.total_seconds()):
            try:
                with store_errors():
                    self._look()
            except StoreUnavailable as error:
                log.warning("no heartbeat: %s", error)  # the lease may expire; renew() then tells

    def _look(self) -> None:
        if not self.context.store.leases.renew(self.lease, self.context.settings.lease_ttl):
            self._stop = LeaseLost(f"another attempt holds {self.phase} of {self.job_id}")
        elif self._stop is None and self._job().cancel_requested:
            self._stop = Cancelled("the job was cancelled")


class JobReport:
    """The report of a real job: events, progress and checkpoints go to the store."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._store = attempt.context.store
        self._job_id = attempt.job_id

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Add a line to the job's story."""
        log.info("%s %s", self._job_id, text)
        self._store.events.append(
            self._job_id, Event(created_at=int(time.time()), level=level, message=text, data=data)
        )

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Add numbers to the job's story and remember them as its progress."""
        known = {name: value for name, value in data.items() if value is not None}
        self._store.jobs.set_progress(self._job_id, known)
        finite = {name: value for name, value in known.items() if math.isfinite(value)}  # JSON has no NaN
        event = Event(created_at=int(time.time()), type=EventType.METRICS, message=text, data=dict(finite))
        self._store.events.append(self._job_id, event)
        if "eta_seconds" in known:
            self._expect(int(time.time() + known["eta_seconds"]))

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Keep numbers as the job's progress, without an event."""
        if numbers:
            self._store.jobs.set_progress(self._job_id, numbers)

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """List a checkpoint."""
        self._store.jobs.add_checkpoint(self._job_id, checkpoint)

    def ask(self, decision: Decision) -> str:
        """The answer that was given, or the recommended one where the recipe says so; else the job pauses."""
        job, attempt = self._store.jobs.get(self._job_id), self._attempt
        known = job.decisions.get(decision.kind)
        if known and known.answer:
            return known.answer
        pipeline, claim = attempt.context.pipeline, (self._job_id, attempt.phase, attempt.lease.token)
        if getattr(job.recipe.decisions, decision.kind) == "auto":
            pipeline.decide(*claim, decision)
            return decision.recommended
        pipeline.ask(*claim, decision)
        raise DecisionNeeded(decision.question)

    def check(self) -> None:
        """Raise what stops the work, if anything does."""
        if self._attempt.stop:
            raise self._attempt.stop

    def _expect(self, finish: int) -> None:
        change = {"estimated_finish": finish}
        self._store.jobs.update(self._job_id, lambda job: job if job.status.final else job.model_copy(update=change))
