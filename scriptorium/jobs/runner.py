"""The phase runner: claim, renew the lease, work in a temporary folder, publish, then advance or fail the job.

    run_phase(job_id, Phase.MERGE, work=merge_adapter)

is all that a service's task does. `work` is a plain function (request, folder, reporter) -> result.
"""

from __future__ import annotations

import logging
import math
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from scriptorium import __version__
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import (
    Checkpoint,
    Decision,
    Event,
    EventType,
    Job,
    JobError,
    Level,
    Phase,
    Request,
    Result,
    Status,
)
from scriptorium.errors import (
    Cancelled,
    DecisionNeeded,
    InternalError,
    Interrupted,
    LeaseLost,
    ScriptoriumError,
    StoreUnavailable,
)
from scriptorium.jobs.devices import Tenancy, await_free_memory, keep_device, list_devices, try_devices
from scriptorium.jobs.outbox import Outbox
from scriptorium.jobs.phase_metrics import RESULTS, collect_manifest_metrics, collect_metrics
from scriptorium.jobs.pipeline import TABLE, Pipeline, check_current_attempt, waiting_status
from scriptorium.jobs.records import save_record, update_record
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.settings import Settings, get_settings
from scriptorium.store import Lease, Store, open_store
from scriptorium.store.connection import store_errors
from scriptorium.store.leases import phase_lease

log = logging.getLogger(__name__)

RequestT = TypeVar("RequestT", bound=Request)
ResultT = TypeVar("ResultT", bound=Result)
Work = Callable[[RequestT, Path, Reporter], ResultT]
Resume = Callable[[list[Path], Path], None]
RecordUpdates = Callable[[Job, ResultT, Volume], dict[str, object]]

STORE_RETRY_INTERVAL = 1.0  # seconds

announced_waits: set[str] = set()  # jobs whose wait for a device this worker has logged
shutdown = threading.Event()  # set by the worker's entrypoint when the process has to stop


@dataclass(frozen=True)
class PhaseSteps:
    """The plain functions of a phase: its work, what resumes it, and what its result changes in the job's record."""

    work: Work[Any, Any]
    resume: Resume | None = None
    record_updates: RecordUpdates[Any] | None = None


@dataclass(frozen=True)
class Context:
    """The settings, store, volume and pipeline of a process; made once by `open_context`, or by a test."""

    settings: Settings
    store: Store
    volume: Volume
    pipeline: Pipeline


def open_context(settings: Settings | None = None, *, patient: bool = True) -> Context:
    """Return the context of the settings; a worker's store is patient, so that work survives a restart of Redis."""
    settings = settings or get_settings()
    store = open_store(settings.store_url, patient=patient)
    volume = Volume(settings.data_dir, settings.models)
    return Context(settings, store, volume, Pipeline(store, volume))


def run_phase(
    job_id: str,
    phase: Phase,
    work: Work[Any, Any],
    *,
    resume: Resume | None = None,
    record_updates: RecordUpdates[Any] | None = None,
    needs_gpu: bool = False,
    context: Context | None = None,
) -> None:
    """Run one attempt at a phase of a job, unless it cannot be claimed.

    A phase that `needs_gpu` is claimed only once a device is free; until then its message is handed back, so that
    another machine may take it. `resume` moves what earlier attempts left (checkpoints, finished shards) into the new
    folder; `record_updates` returns the fields of the job's record that the result changes.
    """
    context = context or open_context()
    steps = PhaseSteps(work, resume, record_updates)
    with store_errors():
        if not needs_gpu:
            run_attempt(context, job_id, phase, steps)
            return
        tried: set[str] = set()
        while job := next_waiting_job(context, phase, tried):
            tried.add(job.id)
            devices, ttl = list_devices(context.settings), context.settings.lease_ttl
            tenancy = try_devices(context.store, devices, job, ttl, context.settings.device_patience)
            if tenancy is None:
                report_wait(context, job)
                context.pipeline.send_again(job_id, phase)
                return
            with keep_device(context.store, tenancy, ttl):
                if run_attempt(context, job.id, phase, steps, tenancy):
                    return  # else another worker was quicker: the next job in line


def run_attempt(context: Context, job_id: str, phase: Phase, steps: PhaseSteps, tenancy: Tenancy | None = None) -> bool:
    """Claim a phase and run one attempt at it, on a device if it needs one; returns whether it could be claimed."""
    lease = claim(context, job_id, phase)
    if lease is None:
        log.info("%s of %s cannot be claimed: it is done, running or superseded", phase, job_id)
        return False
    with Attempt(context, job_id, phase, lease, tenancy) as attempt:
        attempt.run(steps)
    return True


def next_waiting_job(context: Context, phase: Phase, tried: Collection[str] = ()) -> Job | None:
    """Return the job of the lowest rank that waits for a phase: a message says that there is work, not whose."""
    waiting = [job for job in context.store.jobs.active() if job.phase is phase and job.status is not Status.PAUSED]
    states = context.store.leases.states([phase_lease(job.id, phase) for job in waiting])
    unclaimed = [job for job in waiting if job.id not in tried and states[phase_lease(job.id, phase)].holder is None]
    return min(unclaimed, key=lambda job: (job.rank, job.id), default=None)


def report_wait(context: Context, job: Job) -> None:
    """Log once per worker who holds the devices that a job waits for."""
    if job.id in announced_waits:
        return
    announced_waits.add(job.id)
    holders = [context.store.leases.holder(device) or "somebody" for device in list_devices(context.settings)]
    context.pipeline.log_event(job, f"Waiting for a device, held by {', '.join(dict.fromkeys(holders))}.")


def claim(context: Context, job_id: str, phase: Phase) -> Lease | None:
    """Claim the phase and record the attempt in one step; None if it cannot be claimed."""

    def begin(job: Job, token: int) -> Job:
        attempts = {**job.attempts, phase: token}
        claimed = {"attempts": attempts, "status": waiting_status(phase), "sent_at": 0.0, "hinted_at": time.time()}
        return job.model_copy(update=claimed)

    holder = f"{socket.gethostname()}:{os.getpid()}"
    return context.store.leases.claim(job_id, phase, holder, context.settings.lease_ttl, begin)


class Attempt:
    """One attempt at a phase, with a lease that a thread renews."""

    def __init__(
        self, context: Context, job_id: str, phase: Phase, lease: Lease, tenancy: Tenancy | None = None
    ) -> None:
        self.context = context
        self.job_id = job_id
        self.phase = phase
        self.lease = lease
        self.outbox = Outbox()
        self._tenancy = tenancy
        if tenancy:
            tenancy.on_lost = self._lose_device
        self._stop: ScriptoriumError | None = None
        self._ended = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew_until_ended, name=f"lease-{phase}", daemon=True)

    def __enter__(self) -> Attempt:
        self._heartbeat.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._heartbeat.join()
        self.context.store.leases.release(self.lease)

    def run(self, steps: PhaseSteps) -> None:
        """Work, publish and advance; record every failure in the job, except the store's own."""
        try:
            with store_errors():
                result = self._produce(steps)
                update = steps.record_updates
                updates = update(self._job(), result, self.context.volume) if update else {}
                self.context.pipeline.advance(self.job_id, self.phase, self.lease.token, **updates)
            self.context.volume.discard_attempts(self.job_id, self.phase)
        except Cancelled:
            self.context.pipeline.cancel(self.job_id)
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

    def _produce(self, steps: PhaseSteps) -> Any:
        job, volume = self._job(), self.context.volume
        check_current_attempt(job, self.phase, self.lease.token)
        published = volume.published(self.job_id, self.phase)
        if published is not None:
            log.info("%s of %s was published before; nothing to do", self.phase, self.job_id)
            self._remember(collect_manifest_metrics(self.phase, published))
            return RESULTS[self.phase].model_validate(published["result"])
        save_record(self.context.store, volume, job)  # before there is a folder: no other attempt gets this number
        folder = volume.attempt(self.job_id, self.phase, self.lease.token)
        if steps.resume:
            steps.resume(volume.earlier_attempts(self.job_id, self.phase, self.lease.token), folder)
        reporter = JobReporter(self)
        reporter.check()
        request = REQUEST_MAKERS[self.phase](job, RequestContext(self.context.settings, volume, reporter))
        if self._tenancy:
            await_free_memory(self._tenancy.device, self.context.settings.free_share, reporter)
        self._record_beginning()
        started = time.monotonic()
        result = steps.work(request, folder, reporter)
        reporter.check()
        seconds = round(time.monotonic() - started, 3)
        self.await_store()
        self._publish(folder, request, result, seconds)
        self._remember(collect_metrics(self.phase, result, seconds))
        return result

    def _remember(self, numbers: Mapping[str, float]) -> None:
        self.context.store.jobs.set_progress(self.job_id, numbers)

    def await_store(self) -> None:
        """Wait until the store has taken everything that was reported; a shutdown ends the wait."""
        while not self.outbox.flush():
            if shutdown.wait(STORE_RETRY_INTERVAL):
                raise Interrupted("the worker is shutting down")

    def _lose_device(self) -> None:
        self._stop = self._stop or Interrupted("the device was granted to somebody else")

    def _record_beginning(self) -> None:
        """Record that the work itself begins; a phase that waits for the GPU is only queued.

        Raises LeaseLost or Cancelled.
        """

        def change(job: Job) -> Job:
            check_current_attempt(job, self.phase, self.lease.token)  # a cancelled job stays cancelled
            return job.model_copy(update={"status": TABLE[self.phase].status})

        update_record(self.context.store, self.context.volume, self.job_id, change)

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
            log.warning("a failure of a stale attempt is not recorded: %s", lost)
        except Cancelled:
            self.context.pipeline.cancel(self.job_id)

    def _job(self) -> Job:
        return self.context.store.jobs.get(self.job_id)

    @property
    def stop(self) -> ScriptoriumError | None:
        """The reason to stop, if there is one."""
        return Interrupted("the worker is shutting down") if shutdown.is_set() and not self._stop else self._stop

    def _renew_until_ended(self) -> None:
        while not self._ended.wait(self.context.settings.heartbeat.total_seconds()):
            try:
                with store_errors():
                    self._renew_lease()
            except StoreUnavailable as error:
                log.warning("no heartbeat: %s", error)  # the lease may expire; renew() then reports it

    def _renew_lease(self) -> None:
        """Renew the lease; set the reason to stop if it was lost or the job was cancelled."""
        if not self.context.store.leases.renew(self.lease, self.context.settings.lease_ttl):
            self._stop = LeaseLost(f"another attempt holds {self.phase} of {self.job_id}")
        elif self._stop is None and self._job().cancel_requested:
            self._stop = Cancelled("the job was cancelled")


class JobReporter:
    """The reporter of a real job: events, metrics and checkpoints go to the store."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._store = attempt.context.store
        self._outbox = attempt.outbox
        self._job_id = attempt.job_id

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Append an event to the job's log."""
        log.info("%s %s", self._job_id, text)
        event = Event(created_at=int(time.time()), level=level, message=text, data=data)
        self._outbox.put(lambda: self._store.events.append(self._job_id, event))

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Append an event with numbers to the job's log, and set them as its progress."""
        known = {name: value for name, value in data.items() if value is not None}
        self._outbox.put(lambda: self._store.jobs.set_progress(self._job_id, known))
        finite = {name: value for name, value in known.items() if math.isfinite(value)}  # JSON has no NaN
        event = Event(created_at=int(time.time()), type=EventType.METRICS, message=text, data=dict(finite))
        self._outbox.put(lambda: self._store.events.append(self._job_id, event))
        if "eta_seconds" in known:
            finish = int(time.time() + known["eta_seconds"])
            self._outbox.put(lambda: self._set_estimated_finish(finish))

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Set numbers as the job's progress, without an event."""
        if numbers:
            self._outbox.put(lambda: self._store.jobs.set_progress(self._job_id, numbers))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """List a checkpoint."""
        self._outbox.put(lambda: self._store.jobs.add_checkpoint(self._job_id, checkpoint))

    def ask(self, decision: Decision) -> str:
        """Return the user's answer, or the recommended one if the recipe says so; otherwise pause the job."""
        attempt = self._attempt
        attempt.await_store()
        job = self._store.jobs.get(self._job_id)
        known = job.decisions.get(decision.kind)
        if known and known.answer and not decision.kind.recurs:
            return known.answer
        pipeline, claim = attempt.context.pipeline, (self._job_id, attempt.phase, attempt.lease.token)
        if getattr(job.recipe.decisions, decision.kind) == "auto":
            pipeline.decide(*claim, decision)
            return decision.recommended
        pipeline.ask(*claim, decision)
        raise DecisionNeeded(decision.question)

    def check(self) -> None:
        """Raise the reason to stop, if there is one."""
        if self._attempt.stop:
            raise self._attempt.stop

    def _set_estimated_finish(self, finish: int) -> None:
        def change(job: Job) -> Job:
            return job if job.status.final else job.model_copy(update={"estimated_finish": finish})

        update_record(self._store, self._attempt.context.volume, self._job_id, change)
