"""The reconciler of one device: it matches running engines to the models that are needed, and hands the device over.

A thread of the server's worker process; it lives as long as the process, and so do the engines that it starts. A job's
engine session comes first, by its rank; what chat wishes for is served while nobody else wants the device. Before the
device is handed over, its engines end the requests that they have, and its memory is read to be free.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from scriptorium.contracts import Status
from scriptorium.errors import JobMissing, StoreUnavailable
from scriptorium.jobs.devices import gpu_index, record_devices
from scriptorium.process.device_memory import read_device_memory
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store
from scriptorium.store.chat_wishes import Wish
from scriptorium.store.connection import store_errors
from scriptorium.store.serving import AdapterVariant, Engine, EngineSession, WantedModel
from services.server.chat_models import choose_warm, list_idle, may_train_now
from services.server.engine import VllmEngine, describe_plan
from services.server.engine_set import EngineSet, StartEngine
from services.server.preparation import VariantOrders

log = logging.getLogger(__name__)

HOLDER = "the server"
CHAT = "chat"  # the lease of whichever device serves chat
CHAT_RANK = float("inf")  # behind every job
FIRST_RANK = float("-inf")  # before every job, where the settings have it so
POLL_INTERVAL = 0.5  # seconds
PINNED_RETRY = 300.0  # seconds after which a pinned model that could not be had is tried again
MEMORY_PATIENCE = 30.0  # seconds that the device is kept for after its engines ended, if its memory is not free yet


@dataclass(frozen=True)
class Tenant:
    """What the device is needed for: a job's session, or chat."""

    models: list[WantedModel]
    token: tuple[str, int]
    rank: float = CHAT_RANK
    session: EngineSession | None = None


class Reconciler:
    """Brings the engines of one device one step nearer to what is needed with each `reconcile`."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        device: str,
        start: StartEngine = VllmEngine,
        prepare: Callable[[AdapterVariant], None] = lambda variant: None,
    ) -> None:
        """`prepare` has a checkpoint made servable at a strength."""
        self._store = store
        self._settings = settings
        self._device = device
        self._engines = EngineSet(
            settings,
            start,
            expect=store.serving.load_seconds,
            on_ready=lambda seconds: store.serving.remember_load(device, seconds),
        )
        self._preparation = VariantOrders(prepare)
        self._unprepared: list[WantedModel] = []
        self._lease: Lease | None = None
        self._chat_since: float | None = None  # when chat began to be served, if it is
        self._left_at: float | None = None  # when the last engine had ended, while the device is handed over
        self._leaving = False
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
        """Hold or hand over the device, bring its engines nearer to what is needed, publish their states."""
        self._close_unneeded_sessions()
        self._unprepared = []
        tenant = self._choose_tenant()
        if tenant and self._hold_device(tenant):
            self._chat_since = (self._chat_since or time.time()) if tenant.session is None else None
            self._publish(self._engines.match(tenant.models, tenant.token, self._missing_memory))
            if tenant.session is None:
                self._refuse_failed(tenant.models)
            return
        self._chat_since = None
        if tenant is None:
            self._store.leases.leave_queue(self._device, HOLDER)
        elif tenant.session is None:
            self._offer_chat()
        self._hand_over()

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
                for model in session.models:
                    self._store.wishes.ask(model)
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
        return self._chat_tenant()

    def _chat_tenant(self) -> Tenant | None:
        """Return what chat wishes for and can have."""
        wishes = self._store.wishes.all()
        if not wishes or not self._hold_chat():
            return None
        wishes, ready = self._forget_idle(wishes), self._engines.ready()
        for wish in wishes:
            if wish.waiting_since and wish.model.name in ready:
                self._store.wishes.fulfil(wish.model)
            if wish.pinned and wish.reason and time.time() - wish.failed_at > PINNED_RETRY:
                self._store.wishes.ask(wish.model)
        there, missing = self._preparation.split([wish for wish in wishes if not wish.reason])
        self._unprepared = [wish.model for wish in missing]
        models = choose_warm(there, ready, self._engines.staying(), self._settings)
        rank = CHAT_RANK if may_train_now(self._settings, wishes, time.time()) else FIRST_RANK
        anew = round(1000 * max((wish.tried_at for wish in wishes), default=0.0))
        return Tenant(models, (CHAT, anew), rank) if models else None

    def _forget_idle(self, wishes: list[Wish]) -> list[Wish]:
        """Return the wishes without those that nobody renews; while a job has the device only refused ones go."""
        since = self._chat_since
        concerned = wishes if since else [wish for wish in wishes if wish.reason]
        idle = list_idle(concerned, self._settings, time.time(), since or 0.0)
        for wish in idle:
            self._store.wishes.forget(wish.model.name)
        return [wish for wish in wishes if wish not in idle]

    def _offer_chat(self) -> None:
        """Let another device serve chat if this one cannot be had."""
        if self._lease is None and self._chat_lease and len(self._store.leases.devices()) > 1:
            self._store.leases.release(self._chat_lease)
            self._chat_lease = None

    def _refuse_failed(self, models: list[WantedModel]) -> None:
        """Tell those who wish for a model why it cannot be had."""
        failed = {engine.name: engine.reason for engine in self._published if engine.state == "failed"}
        for model in models:
            if model.name in failed:
                self._store.wishes.refuse(model, failed[model.name])

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

    def _hold_device(self, tenant: Tenant) -> bool:
        """Return whether the tenant's engines may run."""
        leases, ttl = self._store.leases, self._settings.lease_ttl
        if self._leaving or (self._lease and self._must_yield(tenant)):
            return False
        if self._lease and not leases.renew(self._lease, ttl):
            self._lose_device()
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

    def _hand_over(self) -> None:
        """Take one step towards releasing the device: no engine is left, then its memory is read to be free."""
        if self._lease is None:
            self._publish([])
            return
        if not self._store.leases.renew(self._lease, self._settings.lease_ttl):
            self._lose_device()
            return
        self._leaving = True
        self._publish(self._engines.leave())
        if self._engines:
            return
        self._left_at = self._left_at or time.monotonic()
        if self._missing_memory() and time.monotonic() - self._left_at < MEMORY_PATIENCE:
            return
        log.info("releasing %s", self._device)
        self._store.leases.release(self._lease)
        self._lease, self._left_at, self._leaving = None, None, False

    def _lose_device(self) -> None:
        """End every engine at once: somebody else was granted the device."""
        log.warning("%s was granted to somebody else", self._device)
        self._engines.stop_all()
        self._publish([])
        self._lease, self._left_at, self._leaving = None, None, False

    def _missing_memory(self) -> str:
        """Return what keeps engines from starting: memory that its last tenant has not given back yet."""
        index = gpu_index(self._device)
        memory = read_device_memory(index)
        if index is None or memory is None or memory.free >= self._settings.gpu_free_share * memory.total:
            return ""
        return f"waiting for memory on {self._device}: {memory}"

    def _publish(self, engines: list[Engine]) -> None:
        """Publish the engines if they have changed, and often enough that they do not expire."""
        ttl, engines = self._settings.lease_ttl, [*engines, *describe_plan(tuple(self._unprepared), "preparing")]
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
        self._engines.stop_all()
        try:
            with store_errors():
                self._publish([])
                for lease in (self._lease, self._chat_lease):
                    if lease:
                        self._store.leases.release(lease)
                self._store.leases.leave_queue(self._device, HOLDER)
        except StoreUnavailable:
            log.info("the store stopped first; the lease will expire")
