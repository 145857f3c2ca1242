"""The engines of one device, brought one step nearer to the models that are needed with each `match`.

An engine serves one folder: a merged model, or a base with its adapters, which come and go while it runs. One that is
not needed any more leaves: it is published as such, ends the requests that it has, up to a set time, and stops. A new
engine waits until those that leave are gone, because it needs their memory.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from scriptorium.errors import BaseModelUnusable, EnvironmentMissing
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine import EnginePlan, VllmEngine, check_adapter, describe_plan, plan_engines

log = logging.getLogger(__name__)

MAX_FAILURES = 3
MAX_SILENCE = 120.0  # seconds that a ready engine may be too busy to answer /health
MIN_TURN = 15.0  # seconds that a model is not displaced once it answers: its first requests have just been let in

StartEngine = Callable[[EnginePlan, Settings, Path], VllmEngine]
Key = tuple[str, int, bool]


@dataclass
class Failure:
    """The failures of an engine: their number, the last reason, and when it may be tried again."""

    count: int = 0
    reason: str = ""
    retry_at: float = 0.0


@dataclass
class Slot:
    """A running engine; since when each of its models answers, and until when it may end its requests if it leaves."""

    engine: VllmEngine
    started_at: float = field(default_factory=time.monotonic)
    answering: dict[WantedModel, float] = field(default_factory=dict)
    leaves_at: float | None = None


def key_of(plan: EnginePlan) -> Key:
    """Return what tells an engine apart from others: adapters come and go in it."""
    return plan[0].folder, plan[0].round, plan[0].eager


class EngineSet:
    """Starts, watches, restarts and stops engines; nothing that goes wrong with one of them is raised."""

    def __init__(
        self,
        settings: Settings,
        start: StartEngine = VllmEngine,
        *,
        expect: Callable[[], float] = lambda: 0.0,
        on_ready: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        """`expect` gives the seconds that an engine takes to become ready; `on_ready` gets those that one took."""
        self._settings = settings
        self._start = start
        self._expect = expect
        self._on_ready = on_ready
        self._slots: dict[Key, Slot] = {}
        self._failures: dict[Key, Failure] = {}
        self._refused: dict[WantedModel, str] = {}
        self._token: tuple[str, int] = ("", -1)

    def __len__(self) -> int:
        return len(self._slots)

    def match(
        self, models: Sequence[WantedModel], token: tuple[str, int], find_obstacle: Callable[[], str] = lambda: ""
    ) -> list[Engine]:
        """Take one step and describe the result; the first engine starts only if there is no obstacle.

        A new `token` means that the models are wanted anew: what had failed for good is tried again.
        """
        if token != self._token:
            self._token, self._refused, self._failures = token, {}, {}
        plans = {key_of(plan): plan for plan in plan_engines([one for one in models if self._is_usable(one)])}
        self._end_leaving()
        for key, slot in self._slots.items():
            if key not in plans or not slot.engine.can_become(plans[key]):
                self._retire(slot)
        obstacle = "" if self._slots else find_obstacle()
        may_start = not obstacle and not any(slot.leaves_at for slot in self._slots.values())
        for key, plan in plans.items():
            self._supervise(key, plan, may_start=may_start)
        described = [entry for key, plan in plans.items() for entry in self._describe(key, plan, obstacle)]
        refused = [(model, reason) for model, reason in self._refused.items() if model in models]
        failed = [entry for model, reason in refused for entry in describe_plan((model,), "failed", reason)]
        names = {model.name for model in models}
        return [*described, *failed, *(entry for entry in self._describe_leaving() if entry.name not in names)]

    def leave(self) -> list[Engine]:
        """Take one step towards no engine at all, and describe those that are left."""
        self._end_leaving()
        for slot in self._slots.values():
            self._retire(slot)
        return self._describe_leaving()

    def stop_all(self) -> None:
        """Stop the engines at once, in parallel: one that is still loading takes its whole grace period."""
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._stop, list(self._slots)))

    def ready(self) -> set[str]:
        """Return the names of the models that answer."""
        slots = [slot for slot in self._slots.values() if slot.leaves_at is None]
        return {model.name for slot in slots for model in slot.answering}

    def staying(self) -> set[str]:
        """Return the names of the models that are loading, or have only begun to answer."""
        now, slots = time.monotonic(), [slot for slot in self._slots.values() if slot.leaves_at is None]
        return {
            model.name
            for slot in slots
            for model in slot.engine.plan
            if now - slot.answering.get(model, now) < MIN_TURN
        }

    def _is_usable(self, model: WantedModel) -> bool:
        """Return whether a model may go into an engine: one broken adapter must not keep the others from starting."""
        if model.adapter and model not in self._refused:
            try:
                check_adapter(model)
            except (OSError, ValueError, KeyError) as error:
                self._refused[model] = f"its adapter cannot be read: {error}"
        return model not in self._refused

    def _retire(self, slot: Slot) -> None:
        if slot.leaves_at is None:
            slot.leaves_at = time.monotonic() + self._settings.chat_grace.total_seconds()

    def _end_leaving(self) -> None:
        """Stop the engines that have been published as leaving and have nothing left to do, or no time."""
        leaving = {key: slot for key, slot in self._slots.items() if slot.leaves_at is not None}
        done = [
            key
            for key, slot in leaving.items()
            if slot.engine.dead or time.monotonic() >= (slot.leaves_at or 0) or not slot.engine.is_busy()
        ]
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._stop, done))

    def _supervise(self, key: Key, plan: EnginePlan, *, may_start: bool) -> None:
        """Start, watch or restart the engine of a plan, and give it the plan's adapters."""
        slot, failure = self._slots.get(key), self._failures.setdefault(key, Failure())
        if slot is None:
            if may_start and failure.count < MAX_FAILURES and time.monotonic() >= failure.retry_at:
                self._begin(key, plan, failure)
            return
        engine = slot.engine
        if engine.dead:
            if cause := engine.failure_cause():  # None while it is being found out
                self._fail(key, failure, cause.text, lasts=cause.lasts)
            return
        engine.check_health()
        limit = MAX_SILENCE if engine.was_ready else self._settings.engine_ready_timeout.total_seconds()
        if engine.silence() > limit:
            self._fail(key, failure, "it stopped answering" if engine.was_ready else "it did not become ready in time")
        elif engine.ready:
            if not slot.answering:
                self._on_ready(time.monotonic() - slot.started_at)
            if slot.leaves_at is None:
                self._swap_adapters(engine, plan)
            slot.answering = {model: slot.answering.get(model, time.monotonic()) for model in engine.plan}

    def _swap_adapters(self, engine: VllmEngine, plan: EnginePlan) -> None:
        """Let a running engine serve the plan's adapters instead of those that it has."""
        for model in [model for model in engine.plan if model not in plan]:
            try:
                engine.drop(model)
            except httpx.HTTPError as error:
                log.warning("%s could not be dropped: %s", model.name, error)
        for model in [model for model in plan if model not in engine.plan]:
            try:
                engine.load(model)
            except httpx.HTTPError as error:
                self._refused[model] = f"its adapter cannot be loaded: {error}"

    def _begin(self, key: Key, plan: EnginePlan, failure: Failure) -> None:
        """Start an engine; whatever keeps it from starting is its failure, and nobody else's."""
        try:
            self._slots[key] = Slot(self._start(plan, self._settings, self._log_path(plan)))
        except (EnvironmentMissing, BaseModelUnusable) as error:
            failure.count, failure.reason = MAX_FAILURES, " ".join(f"{error} {error.next_step or ''}".split())
        except (OSError, ValueError, KeyError) as error:  # an adapter without its config, no memory for a process
            self._count_failure(key, failure, f"it cannot be started: {error}")

    def _log_path(self, plan: EnginePlan) -> Path:
        folder = Path(plan[0].folder)
        name = folder.parent.name if folder.name == "merged" else folder.name
        return self._settings.logs / f"vllm-{name}.log"

    def _fail(self, key: Key, failure: Failure, reason: str, *, lasts: bool = False) -> None:
        """Stop an engine; one whose failure lasts is not started again until it is wanted anew."""
        self._stop(key)
        self._count_failure(key, failure, reason)
        if lasts:
            failure.count = MAX_FAILURES

    def _count_failure(self, key: Key, failure: Failure, reason: str) -> None:
        log.warning("the engine of %s failed: %s", key[0], reason)
        failure.count, failure.reason = failure.count + 1, reason
        failure.retry_at = time.monotonic() + 2.0**failure.count

    def _stop(self, key: Key) -> None:
        self._slots.pop(key).engine.stop()

    def _describe(self, key: Key, plan: EnginePlan, obstacle: str) -> list[Engine]:
        slot, failure = self._slots.get(key), self._failures.get(key, Failure())
        if slot is None or slot.leaves_at is not None:
            state = "failed" if slot is None and failure.count >= MAX_FAILURES else "starting"
            return describe_plan(plan, state, obstacle or failure.reason)
        answering = tuple(model for model in plan if model in slot.answering)
        others = tuple(model for model in plan if model not in slot.answering and model not in self._refused)
        expected = round(time.time() + slot.started_at + self._expect() - time.monotonic())
        return [
            *describe_plan(answering, "ready", url=slot.engine.url),
            *describe_plan(others, "starting", url=slot.engine.url, ready_at=expected),
        ]

    def _describe_leaving(self) -> list[Engine]:
        leaving = [slot for slot in self._slots.values() if slot.leaves_at is not None]
        return [entry for slot in leaving for entry in slot.engine.describe("leaving")]
