"""Models by their names: loaded when they are asked, at any strength, and handed over without a lost answer.

The API and the reconciler are real, on a real store; the engines are stand-ins here and real in tests/e2e.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from standins import BASE, WORDS, AnsweringEngine, serving
from test_reconcile import DEVICE, StandInEngine
from work import SOON, finish_with_model, submit, write_adapter

from scriptorium.artifacts import manifest
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.devices import try_devices
from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings
from scriptorium.store.serving import AdapterVariant, Engine, WantedModel
from services.server import reconcile
from services.server.engine import EnginePlan
from services.server.reconcile import Reconciler

TTL = timedelta(seconds=15)
PATIENT = {"X-Scriptorium-Wait": "10"}


class Server:
    """A reconciler in its thread, with engines that answer over HTTP."""

    def __init__(self, context: Context, url: str) -> None:
        self.context, self.url = context, url
        self.engines: list[StandInEngine] = []
        self.busy = False
        self.reconciler = Reconciler(context.store, context.settings, DEVICE, self.start, self.prepare)  # type: ignore[arg-type]

    def start(self, plan: EnginePlan, settings: Settings, log: Path) -> StandInEngine:
        self.engines.append(StandInEngine(plan, settings, log, url=self.url, busy=self.busy))
        return self.engines[-1]

    def prepare(self, variant: AdapterVariant) -> None:
        folder = self.context.volume.variant(variant.job_id, variant.step, variant.strength)
        write_adapter(folder / "adapter")
        manifest.write(folder, {"variant": variant.model_dump()})

    def running(self) -> set[str]:
        return {model.name for engine in self.engines if not engine.stopped for model in engine.plan}


@pytest.fixture
def answering() -> Iterator[tuple[AnsweringEngine, str]]:
    engine = AnsweringEngine()
    with serving(engine.app()) as url:
        yield engine, url


@pytest.fixture
def server(
    context: Context, answering: tuple[AnsweringEngine, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    monkeypatch.setattr(reconcile, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr("services.server.engine_set.MIN_TURN", 1.0)  # longer than the API's interval
    server = Server(context, answering[1])
    server.reconciler.begin()
    yield server
    server.reconciler.close()


@pytest.fixture
def jobs(context: Context) -> list[Job]:
    return [finish_with_model(context, f"ftjob-{n}", f"novel {n}") for n in range(3)]


def ask(client: openai.OpenAI, model: str, text: str = "Begin.", **options: Any) -> Any:
    options = {"extra_headers": PATIENT} | options
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def status(client: openai.OpenAI, model: str) -> str:
    return str(client.models.retrieve(model).status)  # type: ignore[attr-defined]


def test_every_jobs_model_answers_in_turn_and_the_earlier_one_makes_room(
    client: openai.OpenAI, server: Server, jobs: list[Job], answering: tuple[AnsweringEngine, str]
) -> None:
    for job in [*jobs, jobs[0]]:
        assert ask(client, job.tuned_name).choices[0].message.content == "".join(WORDS)
        assert answering[0].requests[-1]["model"] == job.tuned_name
        assert server.running() == {job.tuned_name}
    assert ask(client, BASE).choices[0].message.content == "".join(WORDS)
    assert server.running() == {BASE, jobs[0].tuned_name}
    assert [status(client, job.tuned_name) for job in jobs] == ["warm", "cold", "cold"]
    assert client.models.retrieve(jobs[1].tuned_name).created == 1_700_000_000
    assert client.models.retrieve(BASE).created > 0


def test_two_clients_with_two_models_both_get_answers(client: openai.OpenAI, server: Server, jobs: list[Job]) -> None:
    def ask_often(job: Job) -> int:
        return sum(ask(client, job.tuned_name).choices[0].message.content == "".join(WORDS) for _ in range(3))

    with ThreadPoolExecutor() as pool:
        assert list(pool.map(ask_often, jobs[:2])) == [3, 3]


def test_a_checkpoint_and_a_strength_are_models_like_any_other(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job], answering: tuple[AnsweringEngine, str]
) -> None:
    name = jobs[0].tuned_name
    for model, folder in (
        (f"{name}@0.5", "20@0.5"),
        (f"{name}@1.2", "20@1.2"),
        (f"{name}:ckpt-step-10", "10@1"),
        (f"{name}:ckpt-step-10@0.4", "10@0.4"),
    ):
        ask(client, model)
        assert answering[0].requests[-1]["model"] == model
        assert answering[0].requests[-1]["temperature"] == 0.9  # that of the job
        [engine] = [engine for engine in server.engines if not engine.stopped]
        assert engine.plan[0].folder == str(context.volume.run(jobs[0].id) / "variants" / folder)
    ask(client, f"{name}@0.75")  # as it was merged
    assert answering[0].requests[-1]["model"] == name
    assert f"{name}:ckpt-step-10" in {model.id for model in client.models.list()}
    with pytest.raises(openai.NotFoundError, match="no checkpoint 11"):
        ask(client, f"{name}:ckpt-step-11")
    with pytest.raises(openai.BadRequestError, match="strength"):
        ask(client, f"{name}@2")


def test_on_a_gpu_adapters_come_and_go_in_one_engine(
    context: Context, server: Server, jobs: list[Job], answering: tuple[AnsweringEngine, str]
) -> None:
    from services.api.inference.voices import find_models

    server.reconciler.close()
    settings = context.settings.model_copy(update={"device": "cuda", "engine_adapters": 2})
    gpu = Context(settings, context.store, context.volume, context.pipeline)
    server = Server(gpu, answering[1])
    names = [f"{jobs[0].tuned_name}:ckpt-step-10", jobs[1].tuned_name + ":ckpt-step-20", jobs[2].tuned_name + "@0.5"]
    for name in names:
        for model in find_models(gpu, name):
            context.store.wishes.ask(model)
        assert wait_until(lambda name=name: (server.reconciler.reconcile(), name in server.running())[1], SOON)
    [engine] = server.engines
    assert [model.name for model in engine.plan] == [BASE, *names[1:]]
    write_adapter(context.volume.root / "broken")
    changes = {"adapter": str(context.volume.root / "broken")}  # which the stand-in does not load
    broken = find_models(gpu, jobs[1].tuned_name + ":ckpt-step-10")[1].model_copy(update=changes)
    context.store.wishes.ask(broken)
    for _ in range(3):
        server.reconciler.reconcile()
    [reason] = [wish.reason for wish in context.store.wishes.all() if wish.model == broken]
    assert "adapter" in reason
    assert not engine.stopped  # the others answer on


def test_a_model_that_is_being_made_does_not_take_the_place_of_one_that_answers(
    client: openai.OpenAI, server: Server, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.reconciler._preparation, "_prepare", lambda variant: None)  # the merger is busy
    name = jobs[0].tuned_name
    ask(client, name)
    with pytest.raises(openai.InternalServerError, match="weights are being made"):
        ask(client, f"{name}@0.5", extra_headers={"X-Scriptorium-Wait": "2"})
    assert server.running() == {name}
    assert status(client, f"{name}@0.5") == "loading"
    assert ask(client, name).choices[0].message.content == "".join(WORDS)


def test_a_wish_that_was_withdrawn_is_renewed_by_whoever_waits(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job]
) -> None:
    job = train(context)
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, client, jobs[0].tuned_name)
        assert wait_until(context.store.wishes.all, SOON)
        context.store.wishes.forget(jobs[0].tuned_name)
        context.store.client.delete(f"scriptorium:lease:{DEVICE}")
        context.store.leases.leave_queue(DEVICE, job.id)
        assert answer.result(15).choices[0].message.content == "".join(WORDS)


def test_one_name_has_one_model_however_the_strength_is_written(
    client: openai.OpenAI, server: Server, jobs: list[Job]
) -> None:
    name = jobs[0].tuned_name
    ask(client, f"{name}@0.50")
    assert {status(client, f"{name}@{strength}") for strength in ("0.5", ".50", "0.500")} == {"warm"}
    with pytest.raises(openai.BadRequestError, match="as it was merged"):
        client.models.delete(f"{name}@0.75")


def test_a_list_says_of_every_model_what_it_says_alone(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job]
) -> None:
    merged = context.volume.folder(jobs[0].id, Phase.MERGE)
    body = manifest.read(merged) or {}
    manifest.write(merged, {"result": body["result"] | {"strength": 1.0}})  # so that a checkpoint is the merged model
    ask(client, f"{jobs[1].tuned_name}@0.5")
    ask(client, jobs[0].tuned_name)
    models = {model.id: model for model in client.models.list()}
    assert {name: client.models.retrieve(name) for name in models} == models
    assert models[f"{jobs[1].tuned_name}@0.5"].created == 1_700_000_000
    assert models[f"{jobs[0].tuned_name}:ckpt-step-20"].status == "warm"  # type: ignore[attr-defined]


def test_a_model_that_is_being_evaluated_is_as_old_as_its_job(client: openai.OpenAI, context: Context) -> None:
    job = submit(context, "ftjob-77")
    session = context.store.serving.open_session(job.id, [WantedModel(name=job.tuned_name, folder="/x")], job.rank)
    assert context.store.serving.assign(session, "cpu:there")
    models = {model.id: model for model in client.models.list()}
    assert client.models.retrieve(job.tuned_name) == models[job.tuned_name]
    assert models[job.tuned_name].created == job.created_at


def test_what_chat_does_not_know_is_not_listed(client: openai.OpenAI, context: Context, jobs: list[Job]) -> None:
    orphan = Engine(name="ft:tiny-base:scriptorium::gone", folder="/x", state="ready", url="http://127.0.0.1:9")
    context.store.serving.publish([orphan], "cpu:here", TTL)
    assert orphan.name not in {model.id for model in client.models.list()}
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(orphan.name)


def train(context: Context) -> Job:
    job = submit(context, "ftjob-9")
    assert wait_until(lambda: try_devices(context.store, [DEVICE], job, TTL, timedelta(seconds=1)), SOON)
    return job


def test_while_a_job_trains_chat_says_so_and_waits_if_it_is_asked_to(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job]
) -> None:
    name = jobs[0].tuned_name
    ask(client, name)
    job = train(context)
    assert server.running() == set()
    context.store.jobs.set_progress(job.id, {"eta_seconds": 90})
    with pytest.raises(openai.InternalServerError, match="ftjob-9 has the device") as caught:
        ask(client, name, extra_headers={})
    assert (caught.value.status_code, caught.value.code) == (503, "gpu_busy")
    assert caught.value.response.headers["retry-after"] == "90"
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, client, name)
        time.sleep(0.3)
        assert not answer.done()
        context.store.client.delete(f"scriptorium:lease:{DEVICE}")
        context.store.leases.leave_queue(DEVICE, job.id)
        assert answer.result(10).choices[0].message.content == "".join(WORDS)  # what was warm is served again


def test_chat_may_come_first(client: openai.OpenAI, context: Context, server: Server, jobs: list[Job]) -> None:
    object.__setattr__(context.settings, "chat_policy", "chat")
    ask(client, jobs[0].tuned_name)
    job = submit(context, "ftjob-9")
    assert try_devices(context.store, [DEVICE], job, TTL, timedelta(seconds=1)) is None
    object.__setattr__(context.settings, "chat_policy", "training")
    assert wait_until(lambda: try_devices(context.store, [DEVICE], job, TTL, timedelta(seconds=1)), SOON)


def test_an_engine_that_leaves_ends_its_requests_and_takes_no_new_one(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job]
) -> None:
    name = jobs[0].tuned_name
    ask(client, name)
    [engine] = server.engines
    engine.busy = True
    job = submit(context, "ftjob-9")
    with ThreadPoolExecutor() as pool:
        training = pool.submit(try_devices, context.store, [DEVICE], job, TTL, SOON)
        assert wait_until(lambda: any(e.state == "leaving" for e in context.store.serving.engines()), SOON)
        with pytest.raises(openai.InternalServerError):
            ask(client, name, extra_headers={})
        assert (engine.stopped, training.done()) == (False, False)
        engine.busy = False
        assert training.result(10) is not None
    assert engine.stopped


def test_requests_beyond_a_hundred_do_not_wait_in_silence(
    url: str, context: Context, server: Server, jobs: list[Job], answering: tuple[AnsweringEngine, str]
) -> None:
    name = jobs[0].tuned_name
    httpx.post(f"{url}/v1/x/models/{name}/warm").raise_for_status()
    assert wait_until(lambda: name in server.running(), SOON)
    body = {"model": name, "messages": [{"role": "user", "content": "wait"}], "stream": True}
    left = threading.Event()

    def stream(_: int) -> None:
        with (
            httpx.Client(timeout=30) as http,
            http.stream("POST", f"{url}/v1/chat/completions", json=body, headers=PATIENT),
        ):
            left.wait(30)

    with ThreadPoolExecutor(130) as pool:
        streams = [pool.submit(stream, number) for number in range(130)]
        try:
            assert wait_until(lambda: len(answering[0].requests) == 130, timedelta(seconds=30))
        finally:
            left.set()
        for future in streams:
            future.result(30)


def test_an_engine_that_refuses_a_connection_is_not_the_end(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.inference.await_engine.LOST_INTERVAL", 0.5)
    address, server.url = server.url, "http://127.0.0.1:9"
    name = jobs[0].tuned_name
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(ask, client, name)
        assert wait_until(lambda: server.engines, SOON)
        time.sleep(0.5)
        server.url, server.engines[0].dead = address, True
        assert answer.result(15).choices[0].message.content == "".join(WORDS)


def test_a_model_is_kept_warm_until_it_is_let_go(
    http: httpx.Client, context: Context, server: Server, jobs: list[Job]
) -> None:
    object.__setattr__(context.settings, "engine_idle", timedelta(seconds=0.3))
    kept, other = jobs[0].tuned_name, jobs[1].tuned_name
    assert http.post(f"/v1/x/models/{kept}/warm").json()["id"] == kept
    assert wait_until(lambda: kept in server.running(), SOON)
    time.sleep(0.6)
    assert kept in server.running()
    assert http.delete(f"/v1/x/models/{kept}/warm").status_code == 200
    assert wait_until(lambda: not server.running(), SOON)
    assert http.post(f"/v1/x/models/{other}:ckpt-step-9/warm").status_code == 404


def test_a_model_is_deleted_unless_it_is_in_use(
    client: openai.OpenAI, context: Context, server: Server, jobs: list[Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, other = jobs[0].tuned_name, jobs[1].tuned_name
    ask(client, f"{name}@0.5")
    with pytest.raises(openai.ConflictError, match="less than 60 s ago") as caught:
        client.models.delete(name)
    assert caught.value.code == "model_in_use"
    assert client.models.delete(other).deleted
    with pytest.raises(openai.NotFoundError):
        ask(client, other)
    monkeypatch.setattr("services.api.inference.models.IN_USE_SECONDS", 0)
    assert client.models.delete(f"{name}@0.5").deleted
    assert wait_until(lambda: not server.running(), SOON)
    assert client.models.delete(name).deleted
    assert not context.volume.folder(jobs[0].id, Phase.MERGE).exists()
    assert not (context.volume.run(jobs[0].id) / "variants").exists()
    assert {model.id.split(":")[-1] for model in client.models.list()} == {BASE, "2", "ckpt-step-10", "ckpt-step-20"}
    with pytest.raises(openai.BadRequestError, match="base model"):
        client.models.delete(BASE)
