"""The reconciler of one device: it matches running engines to the models that are needed, and hands the device over.

A thread of the server's worker process; it lives as long as the process, and so do the engines that it starts. A job's
engine session comes first, by its rank; chat is served while nobody else wants the device. Nothing that goes wrong with
one engine, or with the store, ends the thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scriptorium.contracts import Status
from scriptorium.errors import BaseModelUnusable, EnvironmentMissing, JobMissing, StoreUnavailable
from scriptorium.jobs.devices import gpu_index, record_devices
from scriptorium.process.device_memory import read_device_memory
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store
from scriptorium.store.connection import store_errors
from scriptorium.store.serving import Engine, EngineSession, WantedModel
from services.server.engine import EnginePlan, VllmEngine, describe_plan, plan_engines

log = logging.getLogger(__name__)

HOLDER = "the server"
CHAT = "chat"  # the lease of whichever device serves chat
CHAT_RANK = float("inf")
POLL_INTERVAL = 0.5  # seconds
MAX_FAILURES = 3
MAX_SILENCE = 120.0  # seconds that a ready engine may be too busy to answer /health

StartEngine = Callable[[EnginePlan, Settings, Path], VllmEngine]


@dataclass
class Failure:
    """The failures of a plan's engine: their number, the last reason, and when it may be tried again."""

    count: int = 0
    reason: str = ""
    retry_at: float = 0.0
    token: tuple[str, int] = ("", -1)


@dataclass(frozen=True)
class Tenant:
    """What the device is needed for: a job's session, or chat."""

    models: list[WantedModel]
    token: tuple[str, int]
    rank: float = CHAT_RANK
    session: EngineSession | None = None


class Reconciler:
    """Brings the engines of one device one step nearer to what is needed with each `reconcile`."""

    def __init__(self, store: Store, settings: Settings, device: str, start: StartEngine = VllmEngine) -> None:
        self._store = store
        self._settings = settings
        self._device = device
        self._start = start
        self._engines: dict[EnginePlan, VllmEngine] = {}
        self._failures: dict[EnginePlan, Failure] = {}
        self._lease: Lease | None = None
        self._chat_lease: Lease | None = None
        self._published: list[Engine] = []
        self._published_at = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=f"reconcile-{device}", daemon=True)

    def begin(self) -> None:
        """Reconcile in a thread until `close`."""
        record_devices(self._store, [self._device])
        self._thread.start()

    def close(self) -> None:
        """Stop every engine and release the device."""
        self._ended.set()
        self._thread.join()

    def is_alive(self) -> bool:
        """Return whether the thread still works."""
        return self._thread.is_alive()

    def reconcile(self) -> None:
        """Hold or release the device, stop engines that are not needed, start those that are, publish their states."""
        self._close_unneeded_sessions()
        tenant = self._choose_tenant()
        serves = self._hold_device(tenant)
        plans = plan_engines(tenant.models) if tenant and serves else []
        for plan in [plan for plan in self._engines if plan not in plans]:
            self._stop(plan)
        reason = self._missing_memory() if plans and not self._engines else ""
        for plan in plans:
            if tenant and not reason:
                self._supervise(plan, tenant.token)
        self._publish([entry for plan in plans for entry in self._describe(plan, reason)])

    def _close_unneeded_sessions(self) -> None:
        """Close the sessions of jobs that have ended, and give up those of paused ones.

        The models of a job that succeeded are what chat gets next.
        """
        for session in self._store.serving.sessions():
            try:
                status = self._store.jobs.get(session.job_id).status
            except JobMissing:
                status = Status.CANCELLED
            if status is Status.SUCCEEDED:
                self._store.serving.set_wanted(session.models)
            if status.final:
                self._store.serving.close_session(session.job_id)
            elif status is Status.PAUSED and session.device == self._device:
                self._store.serving.assign(session, None)  # else it would interrupt whoever is served when it resumes

    def _choose_tenant(self) -> Tenant | None:
        """Return the session that this device serves, else the first that nobody serves, else chat."""
        sessions = [session for session in self._store.serving.sessions() if self._is_active(session)]
        own = [session for session in sessions if session.device == self._device]
        free = [session for session in sessions if session.device is None or self._is_abandoned(session.device)]
        for session in [*own, *free]:
            return Tenant(session.models, (session.job_id, session.token), session.rank, session)
        wanted = self._store.serving.wanted_models()
        if wanted.models and self._hold_chat():
            return Tenant(wanted.models, (CHAT, wanted.token))
        return None

    def _is_active(self, session: EngineSession) -> bool:
        """Return whether a session's job needs its engines now; a paused one does not."""
        try:
            return self._store.jobs.get(session.job_id).status is not Status.PAUSED
        except JobMissing:
            return False

    def _is_abandoned(self, device: str) -> bool:
        """Return whether another device's server has lost its lease, so that its session may move."""
        return device != self._device and self._store.leases.holder(device) is None

    def _hold_chat(self) -> bool:
        """Return whether this is the device that serves chat: one does, if there are several."""
        ttl = self._settings.lease_ttl
        if self._chat_lease and self._store.leases.renew(self._chat_lease, ttl):
            return True
        self._chat_lease = self._store.leases.acquire(CHAT, self._device, ttl)
        return self._chat_lease is not None

    def _hold_device(self, tenant: Tenant | None) -> bool:
        """Return whether the tenant's engines may run. The lease is released only after every engine has ended."""
        leases, ttl = self._store.leases, self._settings.lease_ttl
        if self._lease and (tenant is None or self._must_yield(tenant)):
            self._release("it is not needed" if tenant is None else "somebody else comes first")
        elif self._lease and not leases.renew(self._lease, ttl):
            log.warning("%s was granted to somebody else", self._device)
            self._stop_all()
            self._lease = None
        if tenant is None:
            leases.leave_queue(self._device, HOLDER)
            return False
        if self._lease is None:
            self._lease = leases.acquire(self._device, HOLDER, ttl, tenant.rank)
        if self._lease is None:
            return False
        return tenant.session is None or self._assign(tenant.session)

    def _must_yield(self, tenant: Tenant) -> bool:
        """Return whether a waiter comes before the tenant; a session that is being served is never interrupted."""
        if tenant.session and tenant.session.device == self._device:
            return False
        waiters = [rank for holder, rank in self._store.leases.waiters(self._device) if holder != HOLDER]
        return bool(waiters) and min(waiters) < tenant.rank

    def _assign(self, session: EngineSession) -> bool:
        """Record that this device serves a session; returns False if another one was quicker."""
        return session.device == self._device or self._store.serving.assign(session, self._device)

    def _release(self, reason: str) -> None:
        log.info("releasing %s: %s", self._device, reason)
        self._stop_all()
        if self._lease:
            self._store.leases.release(self._lease)
        self._lease = None

    def _missing_memory(self) -> str:
        """Return what keeps engines from starting: memory that its last tenant has not given back yet."""
        index = gpu_index(self._device)
        memory = read_device_memory(index)
        if index is None or memory is None or memory.free >= self._settings.gpu_free_share * memory.total:
            return ""
        return f"waiting for memory on {self._device}: {memory}"

    def _supervise(self, plan: EnginePlan, token: tuple[str, int]) -> None:
        """Start, watch or restart the engine of a plan."""
        engine, failure = self._engines.get(plan), self._failures.setdefault(plan, Failure())
        if failure.token != token:
            self._failures[plan] = failure = Failure(token=token)  # wanted again: reset its failure count
        if engine is None:
            if failure.count < MAX_FAILURES and time.monotonic() >= failure.retry_at:
                self._begin(plan, failure)
        elif engine.dead:
            if cause := engine.failure_cause():  # None while it is being found out
                self._fail(plan, failure, cause.text, lasts=cause.lasts)
        elif engine.silence() > (
            MAX_SILENCE if engine.was_ready else self._settings.engine_ready_timeout.total_seconds()
        ):
            self._fail(plan, failure, "it stopped answering" if engine.was_ready else "it did not become ready in time")
        else:
            engine.check_health()

    def _begin(self, plan: EnginePlan, failure: Failure) -> None:
        """Start an engine; whatever keeps it from starting is its failure, and nobody else's."""
        try:
            self._engines[plan] = self._start(plan, self._settings, self._log_path(plan))
        except (EnvironmentMissing, BaseModelUnusable) as error:
            failure.count, failure.reason = MAX_FAILURES, " ".join(f"{error} {error.next_step or ''}".split())
        except (OSError, ValueError, KeyError) as error:  # an adapter without its config, no memory for a process
            self._count_failure(plan, failure, f"it cannot be started: {error}")

    def _log_path(self, plan: EnginePlan) -> Path:
        folder = Path(plan[0].folder)
        name = folder.parent.name if folder.name == "merged" else folder.name
        return self._settings.data_dir / "logs" / f"vllm-{name}.log"

    def _fail(self, plan: EnginePlan, failure: Failure, reason: str, *, lasts: bool = False) -> None:
        """Stop an engine; one whose failure lasts is not started again until it is wanted anew."""
        self._stop(plan)
        self._count_failure(plan, failure, reason)
        if lasts:
            failure.count = MAX_FAILURES

    def _count_failure(self, plan: EnginePlan, failure: Failure, reason: str) -> None:
        log.warning("the engine of %s failed: %s", plan[0].name, reason)
        failure.count, failure.reason = failure.count + 1, reason
        failure.retry_at = time.monotonic() + 2.0**failure.count

    def _stop(self, plan: EnginePlan) -> None:
        self._engines.pop(plan).stop()

    def _stop_all(self) -> None:
        """Stop the engines in parallel: one that is still loading takes its whole grace period."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._stop, list(self._engines)))
        self._publish([])

    def _describe(self, plan: EnginePlan, reason: str = "") -> list[Engine]:
        engine, failure = self._engines.get(plan), self._failures.get(plan, Failure())
        if engine is None:
            state = "failed" if failure.count >= MAX_FAILURES else "starting"
            return describe_plan(plan, state, reason or failure.reason)
        return engine.describe("ready" if engine.ready else "starting")

    def _publish(self, engines: list[Engine]) -> None:
        """Publish the engines if they have changed, and often enough that they do not expire."""
        ttl = self._settings.lease_ttl
        if engines != self._published or time.monotonic() - self._published_at > ttl.total_seconds() / 4:
            self._store.serving.publish(engines, self._device, ttl)
            self._published, self._published_at = engines, time.monotonic()

    def _loop(self) -> None:
        while not self._ended.wait(POLL_INTERVAL):
            try:
                with store_errors():
                    self.reconcile()
            except StoreUnavailable as error:
                log.warning("%s", error)
            except Exception:
                log.exception("a round of %s failed; the next one tries again", self._device)
        self._finish()

    def _finish(self) -> None:
        try:
            with store_errors():
                self._stop_all()
                for lease in (self._lease, self._chat_lease):
                    if lease:
                        self._store.leases.release(lease)
                self._store.leases.leave_queue(self._device, HOLDER)
        except StoreUnavailable:
            log.info("the store stopped first; the lease will expire")
