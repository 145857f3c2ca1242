"""The reconciler and the GPU lease on a real store; the engines are stand-ins here and real in tests/e2e."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from work import submit

from scriptorium.errors import EnvironmentMissing
from scriptorium.jobs.devices import keep_device, try_devices
from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine import EnginePlan, describe_plan
from services.server.engine_set import MAX_FAILURES
from services.server.failures.known_causes import FailureCause
from services.server.reconcile import Reconciler

SOON = timedelta(seconds=10)
DEVICE = "cpu:here"
BASE = WantedModel(name="base", folder="/models/base")
TUNED = WantedModel(name="ft:tuned", folder="/runs/1/merged")


@dataclass
class StandInEngine:
    """An engine that is ready at once, and dies when a test says so."""

    plan: EnginePlan
    settings: Settings
    log: Path
    dead: bool = False
    ready: bool = False
    stopped: bool = False
    was_ready: bool = False
    busy: bool = False
    silent: float = 0.0
    url: str = "http://127.0.0.1:1"
    cause: FailureCause | None = field(default_factory=lambda: FailureCause("ValueError: no such architecture"))

    def check_health(self) -> None:
        self.ready = self.was_ready = True

    def is_busy(self) -> bool:
        return self.busy

    def can_become(self, plan: EnginePlan) -> bool:
        return plan[0] == self.plan[0] and (plan == self.plan or self.settings.gpu)

    def load(self, model: WantedModel) -> None:
        if "broken" in str(model.adapter):
            raise httpx.HTTPError("no such module")
        self.plan = (*self.plan, model)

    def drop(self, model: WantedModel) -> None:
        self.plan = tuple(other for other in self.plan if other != model)

    def silence(self) -> float:
        return self.silent

    def stop(self) -> None:
        self.stopped = True

    def describe(self, state: str, reason: str = "") -> list[Engine]:
        return describe_plan(self.plan, state, reason, self.url)

    def failure_cause(self) -> FailureCause | None:
        return self.cause


class StandInStarter:
    """Starts stand-ins and records them."""

    def __init__(self) -> None:
        self.engines: list[StandInEngine] = []

    def __call__(self, plan: EnginePlan, settings: Settings, log: Path) -> StandInEngine:
        self.engines.append(StandInEngine(plan, settings, log))
        return self.engines[-1]


@pytest.fixture
def starter() -> StandInStarter:
    return StandInStarter()


@pytest.fixture
def reconciler(context: Context, starter: StandInStarter) -> Reconciler:
    return Reconciler(context.store, context.settings, DEVICE, start=starter)  # type: ignore[arg-type]


def wish(context: Context, *models: WantedModel) -> None:
    for model in models:
        context.store.wishes.ask(model)


def states(context: Context) -> dict[str, str]:
    return {engine.name: engine.state for engine in context.store.serving.engines()}


def test_what_is_wanted_is_started_and_what_is_not_is_stopped(
    context: Context, starter: StandInStarter, reconciler: Reconciler
) -> None:
    reconciler.reconcile()
    assert (starter.engines, context.store.leases.holder(DEVICE)) == ([], None)
    wish(context, BASE, TUNED)
    reconciler.reconcile()
    assert states(context) == {"base": "starting", "ft:tuned": "starting"}
    reconciler.reconcile()
    assert states(context) == {"base": "ready", "ft:tuned": "ready"}
    context.store.wishes.forget(TUNED.name)
    reconciler.reconcile()
    assert states(context) == {"base": "ready", "ft:tuned": "leaving"}
    reconciler.reconcile()
    assert states(context) == {"base": "ready"}
    assert [engine.stopped for engine in starter.engines] == [False, True]


def test_training_gets_the_gpu_only_after_every_engine_has_ended_and_serving_gets_it_back(
    context: Context, starter: StandInStarter, reconciler: Reconciler
) -> None:
    wish(context, BASE)
    reconciler.reconcile()
    assert context.store.leases.holder(DEVICE) == "the server"
    job = submit(context, "ftjob-1")
    training, done = threading.Event(), threading.Event()

    def train() -> None:
        tenancy = try_devices(context.store, [DEVICE], job, context.settings.lease_ttl, SOON)
        assert tenancy is not None
        with keep_device(context.store, tenancy, context.settings.lease_ttl):
            assert all(engine.stopped for engine in starter.engines)
            training.set()
            done.wait(10)

    thread = threading.Thread(target=train)
    thread.start()
    assert wait_until(lambda: context.store.leases.waiters(DEVICE), SOON)
    assert not training.is_set()
    assert wait_until(lambda: (reconciler.reconcile(), training.is_set())[1], SOON)
    assert states(context) == {}
    reconciler.reconcile()
    assert len(starter.engines) == 1  # nothing is started while training holds the device
    done.set()
    thread.join()
    assert wait_until(lambda: (reconciler.reconcile(), len(starter.engines) == 2)[1], SOON)


def test_an_engine_that_dies_is_started_again(
    context: Context, starter: StandInStarter, reconciler: Reconciler
) -> None:
    wish(context, BASE)
    reconciler.reconcile()
    starter.engines[0].dead = True
    assert wait_until(lambda: (reconciler.reconcile(), len(starter.engines) == 2)[1], SOON)
    reconciler.reconcile()
    assert states(context) == {"base": "ready"}


def test_an_engine_that_keeps_dying_fails_with_its_reason_until_it_is_wanted_again(
    context: Context, starter: StandInStarter, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = iter(range(0, 1_000_000, 1000))  # every look is a quarter of an hour later
    clock = SimpleNamespace(monotonic=minutes.__next__, time=lambda: 0.0)
    monkeypatch.setattr("services.server.engine_set.time", clock)
    wish(context, BASE)
    for _ in range(3 * MAX_FAILURES):
        reconciler.reconcile()
        for engine in starter.engines:
            engine.dead = True
    assert len(starter.engines) == MAX_FAILURES
    assert context.store.wishes.all()[0].reason == "ValueError: no such architecture"
    wish(context, BASE)
    reconciler.reconcile()
    assert len(starter.engines) == MAX_FAILURES  # whoever asks again at once does not start it again
    monkeypatch.setattr("scriptorium.store.chat_wishes.RETRY_AFTER", 0.0)
    wish(context, BASE)
    reconciler.reconcile()
    assert len(starter.engines) == MAX_FAILURES + 1


def test_a_failure_that_lasts_is_not_tried_again_and_one_that_is_being_explained_waits(
    context: Context, starter: StandInStarter, reconciler: Reconciler
) -> None:
    wish(context, BASE)
    reconciler.reconcile()
    (engine,) = starter.engines
    engine.dead, engine.cause = True, None
    reconciler.reconcile()
    assert states(context) == {"base": "starting"}
    engine.cause = FailureCause("this vLLM does not know the architecture", "architecture")
    reconciler.reconcile()
    (failed,) = context.store.serving.engines()
    assert (failed.state, failed.reason) == ("failed", engine.cause.text)
    for _ in range(3):
        reconciler.reconcile()
    assert starter.engines == [engine]
    assert context.store.wishes.all()[0].reason == engine.cause.text


def test_a_folder_with_a_missing_shard_is_a_reason_at_once(context: Context) -> None:
    folder = context.settings.models / BASE.name
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"norm": "model-00002-of-00002.safetensors"}}')
    reconciler = Reconciler(context.store, context.settings, DEVICE)  # the engine itself, not a stand-in
    wish(context, BASE.model_copy(update={"folder": str(folder)}))
    reconciler.reconcile()
    (failed,) = context.store.serving.engines()
    assert failed.state == "failed"
    assert "model-00002-of-00002.safetensors is missing. Fetch the model again" in failed.reason


def test_a_missing_environment_is_a_reason_at_once(context: Context) -> None:
    def start(plan: EnginePlan, settings: Settings, log: Path) -> StandInEngine:
        raise EnvironmentMissing("vLLM is not installed.")

    reconciler = Reconciler(context.store, context.settings, DEVICE, start=start)  # type: ignore[arg-type]
    wish(context, BASE)
    reconciler.reconcile()
    assert states(context) == {"base": "failed"}
    assert "make setup" in context.store.wishes.all()[0].reason


def test_closing_stops_the_engines_and_releases_the_gpu(
    context: Context, starter: StandInStarter, reconciler: Reconciler
) -> None:
    wish(context, BASE)
    reconciler.begin()
    assert wait_until(lambda: states(context) == {"base": "ready"}, SOON)
    reconciler.close()
    assert all(engine.stopped for engine in starter.engines)
    assert context.store.leases.holder(DEVICE) is None
    assert states(context) == {}
