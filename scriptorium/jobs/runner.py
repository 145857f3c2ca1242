"""The phase runner: claim, renew the lease, work in a temporary folder, publish, then advance or fail the job.

    run_phase(job_id, Phase.MERGE, work=merge_adapter)

is all that a service's task does. `work` is a plain function (request, folder, reporter) -> result.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scriptorium import __version__
from scriptorium.artifacts.volume import Volume, disk_errors
from scriptorium.contracts import DecisionKind, Job, JobError, NextRound, Phase, Request, Result
from scriptorium.errors import (
    Cancelled,
    DecisionNeeded,
    DiskFull,
    InternalError,
    Interrupted,
    JobMissing,
    LeaseLost,
    Paused,
    ScriptoriumError,
    StoreUnavailable,
)
from scriptorium.jobs.attempt.disk_question import is_stopped, make_disk_question
from scriptorium.jobs.attempt.heartbeat import Heartbeat
from scriptorium.jobs.attempt.job_reporter import JobReporter
from scriptorium.jobs.attempt.outbox import Outbox
from scriptorium.jobs.devices import (
    Tenancy,
    await_free_memory,
    keep_device,
    list_devices,
    next_waiting_job,
    report_wait,
    try_devices,
)
from scriptorium.jobs.phase_metrics import RESULTS, collect_manifest_metrics, collect_metrics
from scriptorium.jobs.pipeline import TABLE, Pipeline, check_current_attempt, waiting_status
from scriptorium.jobs.records import save_record, update_record
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.steering import settle_pause
from scriptorium.settings import Settings, get_settings
from scriptorium.store import Lease, Store, open_store
from scriptorium.store.connection import store_errors

log = logging.getLogger(__name__)

RequestT = TypeVar("RequestT", bound=Request)
ResultT = TypeVar("ResultT", bound=Result)
Work = Callable[[RequestT, Path, Reporter], ResultT]
Resume = Callable[[list[Path], Path], None]
RecordUpdates = Callable[[Job, ResultT, Volume], dict[str, object]]

STORE_RETRY_INTERVAL = 1.0  # seconds

shutdown = threading.Event()  # set by the worker's entrypoint when the process has to stop


@dataclass(frozen=True)
class FollowedUp:
    """What a follow-up came to: the round that the job goes on with (None: the next phase), and record updates."""

    turn: NextRound | None = None
    updates: dict[str, object] = field(default_factory=dict)


FollowUp = Callable[[Job, ResultT, Reporter], FollowedUp]


@dataclass(frozen=True)
class PhaseSteps:
    """The plain functions of a phase: its work, what resumes it, and what its result changes in the job's record.

    `follow_up` looks at the published result and may ask about it, or want another round.
    """

    work: Work[Any, Any]
    resume: Resume | None = None
    record_updates: RecordUpdates[Any] | None = None
    follow_up: FollowUp[Any] | None = None


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
    follow_up: FollowUp[Any] | None = None,
    needs_gpu: bool = False,
    context: Context | None = None,
) -> None:
    """Run one attempt at a phase of a job, unless it cannot be claimed.

    A phase that `needs_gpu` is claimed only once a device is free; until then its message is handed back, so that
    another machine may take it. `resume` moves what earlier attempts left (checkpoints, finished shards) into the new
    folder; `record_updates` returns the fields of the job's record that the result changes, and `follow_up` may want
    another round. Both are called again with the published result if the worker dies before the job moves on.
    """
    context = context or open_context()
    steps = PhaseSteps(work, resume, record_updates, follow_up)
    with store_errors():
        if not needs_gpu:
            if run_attempt(context, job_id, phase, steps):
                settle(context, job_id)
            return
        tried: set[str] = set()
        while job := next_waiting_job(context.store, phase, tried):
            tried.add(job.id)
            devices, ttl = list_devices(context.settings), context.settings.lease_ttl
            tenancy = try_devices(context.store, devices, job, ttl, context.settings.device_patience)
            if tenancy is None:
                report_wait(context.pipeline, job, devices)
                context.pipeline.send_again(job_id, phase)
                return
            with keep_device(context.store, tenancy, ttl):
                is_claimed = run_attempt(context, job.id, phase, steps, tenancy)
            if is_claimed:
                settle(context, job.id)
                return  # else another worker was quicker: the next job in line


def run_attempt(context: Context, job_id: str, phase: Phase, steps: PhaseSteps, tenancy: Tenancy | None = None) -> bool:
    """Claim a phase and run one attempt at it, on a device if it needs one; returns whether it could be claimed."""
    lease = claim(context, job_id, phase)
    if lease is None:
        log.info("%s of %s cannot be claimed: it is done, running or superseded", phase, job_id)
        return False
    attempt = Attempt(context, job_id, phase, lease, tenancy)
    with attempt.heartbeat:
        attempt.run(steps)
    return True


def settle(context: Context, job_id: str) -> None:
    """Pause a job that was to pause, now that its phase and its device are free."""
    with suppress(JobMissing):
        settle_pause(context.pipeline, job_id)


def claim(context: Context, job_id: str, phase: Phase) -> Lease | None:
    """Claim the phase and record the attempt in one step; None if it cannot be claimed."""

    def begin(job: Job, token: int) -> Job:
        attempts = {**job.attempts, phase: token}
        claimed = {"attempts": attempts, "status": waiting_status(phase), "sent_at": 0.0, "hinted_at": time.time()}
        return job.model_copy(update=claimed)

    holder = f"{socket.gethostname()}:{os.getpid()}"
    return context.store.leases.claim(job_id, phase, holder, context.settings.lease_ttl, begin)


def check_shutdown() -> None:
    """Raise Interrupted if the worker is shutting down."""
    if shutdown.is_set():
        raise Interrupted("the worker is shutting down")


class Attempt:
    """One attempt at a phase, with a lease that its heartbeat keeps."""

    def __init__(
        self, context: Context, job_id: str, phase: Phase, lease: Lease, tenancy: Tenancy | None = None
    ) -> None:
        self.context = context
        self.job_id = job_id
        self.phase = phase
        self.lease = lease
        self.outbox = Outbox()
        self._tenancy = tenancy
        self.heartbeat = Heartbeat(context.store, context.settings, job_id, phase, lease=lease, shutdown=shutdown)
        if tenancy:
            tenancy.on_lost = self.heartbeat.lose_device

    def run(self, steps: PhaseSteps) -> None:
        """Work, publish and advance; record every failure in the job, except the store's own."""
        try:
            self._run(steps)
        except (LeaseLost, JobMissing) as stopped:  # what a stale attempt did or failed at is not recorded
            log.warning("%s of %s stopped: %s", self.phase, self.job_id, stopped)

    def _run(self, steps: PhaseSteps) -> None:
        try:
            with store_errors(), disk_errors():
                result = self._produce(steps)
                self._move_on(steps, result)
            self.context.volume.discard_attempts(self.job_id, self.phase)
        except Cancelled:
            self.context.pipeline.cancel(self.job_id)
        except DecisionNeeded as stopped:
            log.info("%s of %s waits for an answer: %s", self.phase, self.job_id, stopped)
        except Interrupted as stopped:
            log.warning("%s of %s stopped: %s", self.phase, self.job_id, stopped)
            self.context.pipeline.excuse(self.job_id, self.phase)
        except (LeaseLost, JobMissing):
            raise
        except StoreUnavailable:
            self._await_excuse()
            raise  # the reaper takes the phase up again
        except DiskFull as error:
            self._await_space(error)
        except ScriptoriumError as error:
            self._fail(error)
        except Exception as error:
            log.exception("%s of %s failed", self.phase, self.job_id)
            self._fail(InternalError(f"{self.phase} failed unexpectedly ({type(error).__name__})."))

    def _await_space(self, error: DiskFull) -> None:
        """Ask a person to free some space, unless nobody is to be asked or the answer was to end the job.

        A full disk may have ended Redis as well: then the attempt is excused, and the next one finds out what is left.
        """
        try:
            with store_errors():
                job = self._job()
                if job.recipe.decisions.disk_full == "auto" or is_stopped(job):
                    return self._fail(error)
                question = make_disk_question(error, f"with {self.phase}")
                self.context.pipeline.ask(self.job_id, self.phase, self.lease.token, question)
        except Cancelled:
            self.context.pipeline.cancel(self.job_id)
        except StoreUnavailable:
            self._await_excuse()
            raise

    def _move_on(self, steps: PhaseSteps, result: Any) -> None:
        """Advance the job, or begin another round of it."""
        pipeline, claim = self.context.pipeline, (self.job_id, self.phase, self.lease.token)
        update = steps.record_updates
        updates = update(self._job(), result, self.context.volume) if update else {}
        followed_up = steps.follow_up(self._job(), result, self._reporter()) if steps.follow_up else FollowedUp()
        self.outbox.drain(check_shutdown)
        updates |= followed_up.updates
        if followed_up.turn:
            pipeline.begin_round(*claim, followed_up.turn, updates)
        else:
            pipeline.advance(self.job_id, self.phase, self.lease.token, **updates)

    def _reporter(self) -> JobReporter:
        claim = (self.job_id, self.phase, self.lease.token)
        return JobReporter(self.context.pipeline, *claim, outbox=self.outbox, stop_reason=self.heartbeat.stop_reason)

    def _produce(self, steps: PhaseSteps) -> Any:
        job, volume = self._job(), self.context.volume
        check_current_attempt(job, self.phase, self.lease.token)
        if is_stopped(job):
            raise DiskFull(f"Stopped by your decision. {job.decisions[DecisionKind.DISK_FULL].reason}")
        published = volume.take_round(self.job_id, self.phase, job.round)
        if published is not None:
            log.info("%s of %s was published before; nothing to do", self.phase, self.job_id)
            self._remember(collect_manifest_metrics(self.phase, published))
            return RESULTS[self.phase].model_validate(published["result"])
        save_record(self.context.store, volume, job)  # before there is a folder: no other attempt gets this number
        folder = volume.attempt(self.job_id, self.phase, self.lease.token)
        if steps.resume:
            steps.resume(volume.earlier_attempts(self.job_id, self.phase, self.lease.token), folder)
        reporter = self._reporter()
        reporter.check()
        request = REQUEST_MAKERS[self.phase](job, RequestContext(self.context.settings, volume, reporter))
        if self._tenancy:
            await_free_memory(self._tenancy.device, self.context.settings.free_share, reporter)
        self._record_beginning()
        started = time.monotonic()
        result = steps.work(request, folder, reporter)
        reason = self.heartbeat.stop_reason()
        if reason and not isinstance(reason, Paused):  # what is done need not be done again after a pause
            raise reason
        seconds = round(time.monotonic() - started, 3)
        self.outbox.drain(check_shutdown)  # what was reported is in the store before the phase is over
        self._publish(folder, request, result, seconds, job.round)
        self._remember(collect_metrics(self.phase, result, seconds))
        return result

    def _remember(self, numbers: Mapping[str, float]) -> None:
        self.context.store.jobs.set_progress(self.job_id, numbers)

    def _await_excuse(self) -> None:
        """Excuse the attempt once the store answers, because the job is not to blame; a shutdown ends the wait."""
        while not shutdown.is_set():
            try:
                with store_errors():
                    self.context.pipeline.excuse(self.job_id, self.phase)
                    return
            except StoreUnavailable:
                shutdown.wait(STORE_RETRY_INTERVAL)

    def _record_beginning(self) -> None:
        """Record that the work itself begins; a phase that waits for the GPU is only queued.

        Raises LeaseLost, Cancelled or Paused.
        """

        def change(job: Job) -> Job:
            check_current_attempt(job, self.phase, self.lease.token)  # a cancelled job stays cancelled
            if job.pause_requested:
                raise Paused("the job is to pause")
            return job.model_copy(update={"status": TABLE[self.phase].status})

        update_record(self.context.store, self.context.volume, self.job_id, change)

    def _publish(self, folder: Path, request: Request, result: Result, seconds: float, number: int) -> None:
        if not self.context.store.leases.renew(self.lease, self.context.settings.lease_ttl):
            raise LeaseLost(f"another attempt holds {self.phase} of {self.job_id}")
        body = {
            "job": self.job_id,
            "phase": self.phase,
            "attempt": self.lease.token,
            "round": number,
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
        except Cancelled:
            self.context.pipeline.cancel(self.job_id)

    def _job(self) -> Job:
        return self.context.store.jobs.get(self.job_id)
