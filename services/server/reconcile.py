"""The reconciler: it matches running engines to the wanted models, and releases the GPU when training requests it.

A thread of the server's worker process; it lives as long as the process, and so do the engines that it starts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scriptorium.errors import EnvironmentMissing, StoreUnavailable
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store
from scriptorium.store.connection import store_errors
from scriptorium.store.leases import GPU
from scriptorium.store.serving import Engine
from services.server.engine import EnginePlan, VllmEngine, describe_plan, plan_engines

log = logging.getLogger(__name__)

HOLDER = "the server"
POLL_INTERVAL = 0.5  # seconds
MAX_FAILURES = 3

StartEngine = Callable[[EnginePlan, Settings, Path], VllmEngine]


@dataclass
class Failure:
    """The failures of a plan's engine: their number, the last reason, and when it may be tried again."""

    count: int = 0
    reason: str = ""
    retry_at: float = 0.0
    token: int = -1


class Reconciler:
    """Brings the engines one step nearer to the wanted models with each `reconcile`."""

    def __init__(self, store: Store, settings: Settings, start: StartEngine = VllmEngine) -> None:
        self._store = store
        self._settings = settings
        self._start = start
        self._engines: dict[EnginePlan, VllmEngine] = {}
        self._failures: dict[EnginePlan, Failure] = {}
        self._lease: Lease | None = None
        self._published: list[Engine] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="reconcile", daemon=True)

    def begin(self) -> None:
        """Reconcile in a thread until `close`."""
        self._thread.start()

    def close(self) -> None:
        """Stop every engine and release the GPU."""
        self._ended.set()
        self._thread.join()

    def reconcile(self) -> None:
        """Hold or release the GPU, stop unwanted engines, start wanted ones, and publish their states."""
        wanted = self._store.serving.wanted_models()
        plans = plan_engines(wanted.models) if self._hold_gpu(bool(wanted.models)) else []
        for plan in [plan for plan in self._engines if plan not in plans]:
            self._stop(plan)
        for plan in plans:
            self._supervise(plan, wanted.token)
        self._publish([entry for plan in plans for entry in self._describe(plan)])

    def _hold_gpu(self, needed: bool) -> bool:
        """Return whether engines may run. The lease is released only after every engine has ended."""
        requester = self._store.leases.requester(GPU)
        if self._lease and (requester or not needed):
            log.info("releasing the GPU%s", f": {requester} requests it" if requester else "")
            self._stop_all()
            self._store.leases.release(self._lease)
            self._lease = None
        elif self._lease and not self._store.leases.renew(self._lease, self._settings.lease_ttl):
            log.warning("the GPU was granted to somebody else")
            self._stop_all()
            self._lease = None
        elif needed and not self._lease and not requester:
            self._lease = self._store.leases.acquire(GPU, HOLDER, self._settings.lease_ttl)
        return self._lease is not None

    def _supervise(self, plan: EnginePlan, token: int) -> None:
        """Start, watch or restart the engine of a plan."""
        engine, failure = self._engines.get(plan), self._failures.setdefault(plan, Failure())
        if failure.token != token:
            self._failures[plan] = failure = Failure(token=token)  # wanted again: reset its failure count
        if engine is None:
            if failure.count < MAX_FAILURES and time.monotonic() >= failure.retry_at:
                self._begin(plan, failure)
        elif engine.dead:
            self._fail(plan, failure, engine.failure_reason())
        elif (
            not engine.ready and time.monotonic() - engine.started > self._settings.engine_ready_timeout.total_seconds()
        ):
            self._fail(plan, failure, "it did not become ready in time")
        else:
            engine.check_health()

    def _begin(self, plan: EnginePlan, failure: Failure) -> None:
        try:
            self._engines[plan] = self._start(plan, self._settings, self._log_path(plan))
        except EnvironmentMissing as error:
            failure.count, failure.reason = MAX_FAILURES, f"{error} {error.next_step}"

    def _log_path(self, plan: EnginePlan) -> Path:
        folder = Path(plan[0].folder)
        name = folder.parent.name if folder.name == "merged" else folder.name
        return self._settings.data_dir / "logs" / f"vllm-{name}.log"

    def _fail(self, plan: EnginePlan, failure: Failure, reason: str) -> None:
        log.warning("the engine of %s failed: %s", plan[0].name, reason)
        self._stop(plan)
        failure.count, failure.reason = failure.count + 1, reason
        failure.retry_at = time.monotonic() + 2.0**failure.count

    def _stop(self, plan: EnginePlan) -> None:
        self._engines.pop(plan).stop()

    def _stop_all(self) -> None:
        """Stop the engines in parallel: one that is still loading takes its whole grace period."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._stop, list(self._engines)))
        self._publish([])

    def _describe(self, plan: EnginePlan) -> list[Engine]:
        engine, failure = self._engines.get(plan), self._failures.get(plan, Failure())
        if engine is None:
            return describe_plan(plan, "failed" if failure.count >= MAX_FAILURES else "starting", failure.reason)
        return engine.describe("ready" if engine.ready else "starting")

    def _publish(self, engines: list[Engine]) -> None:
        if engines != self._published:
            self._store.serving.publish(engines)
            self._published = engines

    def _loop(self) -> None:
        while not self._ended.wait(POLL_INTERVAL):
            try:
                with store_errors():
                    self.reconcile()
            except StoreUnavailable as error:
                log.warning("%s", error)
        self._finish()

    def _finish(self) -> None:
        try:
            with store_errors():
                self._stop_all()
                if self._lease:
                    self._store.leases.release(self._lease)
        except StoreUnavailable:
            log.info("the store stopped first; the lease will expire")
