"""The reconciler and the GPU lease on a real store; the engines are stand-ins here and real in tests/e2e."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.errors import Cancelled, EngineFailed, EnvironmentMissing
from scriptorium.jobs.gpu_lease import hold_gpu
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings
from scriptorium.store.leases import GPU
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine import Plan, describe_plan
from services.server.reconcile import MAX_FAILURES, Reconciler
from services.server.serve import bring_up

SOON = timedelta(seconds=10)
BASE = WantedModel(name="base", folder="/models/base")
TUNED = WantedModel(name="tuned", folder="/runs/1/merged")


@dataclass
class StandInEngine:
    """An engine that is ready at once, and dies when a test says so."""

    plan: Plan
    settings: Settings
    log: Path
    dead: bool = False
    ready: bool = False
    stopped: bool = False
    started: float = 0.0
    url: str = "http://127.0.0.1:1"

    def look(self) -> None:
        self.ready = True

    def stop(self) -> None:
        self.stopped = True

    def describe(self, state: str, reason: str = "") -> list[Engine]:
        return describe_plan(self.plan, state, reason, self.url)

    def last_words(self) -> str:
        return "ValueError: no such architecture"


class Yard:
    """Starts stand-ins and remembers them."""

    def __init__(self) -> None:
        self.engines: list[StandInEngine] = []

    def __call__(self, plan: Plan, settings: Settings, log: Path) -> StandInEngine:
        self.engines.append(StandInEngine(plan, settings, log, started=1e12))
        return self.engines[-1]


@pytest.fixture
def yard() -> Yard:
    return Yard()


@pytest.fixture
def reconciler(context: Context, yard: Yard) -> Reconciler:
    return Reconciler(context.store, context.settings, start=yard)  # type: ignore[arg-type]


def states(context: Context) -> dict[str, str]:
    return {engine.name: engine.state for engine in context.store.serving.engines()}


def test_what_is_wanted_is_started_and_what_is_not_is_stopped(
    context: Context, yard: Yard, reconciler: Reconciler
) -> None:
    reconciler.look()
    assert (yard.engines, context.store.leases.holder(GPU)) == ([], None)
    context.store.serving.want([BASE, TUNED])
    reconciler.look()
    assert states(context) == {"base": "starting", "tuned": "starting"}
    reconciler.look()
    assert states(context) == {"base": "ready", "tuned": "ready"}
    context.store.serving.want([BASE])
    reconciler.look()
    assert states(context) == {"base": "ready"}
    assert [engine.stopped for engine in yard.engines] == [False, True]


def test_training_gets_the_gpu_only_after_every_engine_has_ended_and_serving_gets_it_back(
    context: Context, yard: Yard, reconciler: Reconciler
) -> None:
    context.store.serving.want([BASE])
    reconciler.look()
    assert context.store.leases.holder(GPU) == "the server"
    report, held, done = SilentReporter(), threading.Event(), threading.Event()

    def train() -> None:
        with hold_gpu(context.store, "ftjob-1", context.settings.lease_ttl, report):
            assert all(engine.stopped for engine in yard.engines)
            held.set()
            done.wait(10)

    thread = threading.Thread(target=train)
    thread.start()
    assert wait_until(lambda: context.store.leases.requested(GPU), SOON)
    assert not held.is_set()
    assert wait_until(lambda: (reconciler.look(), held.is_set())[1], SOON)
    assert states(context) == {}
    reconciler.look()
    assert len(yard.engines) == 1  # nothing is started while training holds the GPU
    done.set()
    thread.join()
    assert report.messages == ["Waiting for the GPU, held by the server."]
    reconciler.look()
    assert len(yard.engines) == 2


def test_waiting_for_the_gpu_can_be_cancelled_and_leaves_no_request(context: Context, reconciler: Reconciler) -> None:
    context.store.serving.want([BASE])
    reconciler.look()

    class CancelledReport(SilentReporter):
        def check(self) -> None:
            raise Cancelled("the user had enough")

    with pytest.raises(Cancelled), hold_gpu(context.store, "job", timedelta(seconds=5), CancelledReport()):
        pass
    assert context.store.leases.requested(GPU) is None


def test_an_engine_that_dies_is_started_again(context: Context, yard: Yard, reconciler: Reconciler) -> None:
    context.store.serving.want([BASE])
    reconciler.look()
    yard.engines[0].dead = True
    assert wait_until(lambda: (reconciler.look(), len(yard.engines) == 2)[1], SOON)
    reconciler.look()
    assert states(context) == {"base": "ready"}


def test_an_engine_that_keeps_dying_is_given_up_with_its_reason_until_it_is_wanted_anew(
    context: Context, yard: Yard, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=iter(range(0, 100000, 1000)).__next__)  # every look is a quarter of an hour later
    monkeypatch.setattr("services.server.reconcile.time", clock)
    context.store.serving.want([BASE])
    for _ in range(3 * MAX_FAILURES):
        reconciler.look()
        for engine in yard.engines:
            engine.dead = True
    assert len(yard.engines) == MAX_FAILURES
    failed = context.store.serving.engines()[0]
    assert (failed.state, failed.reason) == ("failed", "ValueError: no such architecture")
    with pytest.raises(EngineFailed, match="no such architecture"):
        monkeypatch.setattr(context.store.serving, "want", lambda models: None)
        bring_up(context.store.serving, [BASE], SilentReporter(), SOON)
    monkeypatch.undo()
    context.store.serving.want([BASE])
    reconciler.look()
    assert len(yard.engines) == MAX_FAILURES + 1


def test_a_missing_environment_is_a_reason_at_once(context: Context) -> None:
    def start(plan: Plan, settings: Settings, log: Path) -> StandInEngine:
        raise EnvironmentMissing("vLLM is not installed.")

    reconciler = Reconciler(context.store, context.settings, start=start)  # type: ignore[arg-type]
    context.store.serving.want([BASE])
    reconciler.look()
    engine = context.store.serving.engines()[0]
    assert engine.state == "failed"
    assert "make setup" in engine.reason


def test_closing_stops_the_engines_and_lets_the_gpu_go(context: Context, yard: Yard, reconciler: Reconciler) -> None:
    context.store.serving.want([BASE])
    reconciler.begin()
    assert wait_until(lambda: states(context) == {"base": "ready"}, SOON)
    reconciler.close()
    assert all(engine.stopped for engine in yard.engines)
    assert context.store.leases.holder(GPU) is None
    assert states(context) == {}
