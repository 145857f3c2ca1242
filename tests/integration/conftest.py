"""A real Redis-compatible server for the whole session, and a context that uses it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import openai
import pytest
from hooked import hook
from keyed import Create
from receiving import Inbox, receiving
from standins import BASE, TUNED, AnsweringEngine, Sent, serving
from work import finish_with_model, submit

from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import KeyScope
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.local.demo_assets import demo_assets
from scriptorium.settings import Settings
from scriptorium.store import open_store
from scriptorium.store.serving import Engine as Served
from services.api.application import create_app
from tests.embedded_redis import embedded_redis


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start an embedded server without persistence; stop it at the end."""
    with embedded_redis() as url:
        yield url


@pytest.fixture(scope="session")
def demo_base() -> None:
    """Make the demo's base model, unless it is there already."""
    demo_assets()


@pytest.fixture
def sent() -> Sent:
    """Return a queue that records what the pipeline of `context` sends."""
    return Sent()


@pytest.fixture
def context(redis_url: str, tmp_path: Path, sent: Sent) -> Iterator[Context]:
    """Yield a context with an empty store, a volume with one (fake) base model, and short times."""
    settings = Settings(
        data_dir=tmp_path / "data",
        models_dir=tmp_path / "models",
        redis_url=redis_url,
        api_hosts="testserver",  # Starlette's client asks by this name
        device="cpu",
        default_recipe="cpu",
        lease_ttl=timedelta(seconds=2),
        heartbeat=timedelta(seconds=0.05),
        reaper_grace=timedelta(seconds=0),
        max_attempts=2,
        chat_wait=timedelta(seconds=0.5),
    )
    base = settings.models / BASE
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    store, volume = open_store(redis_url), Volume(settings.data_dir, settings.models)
    store.client.flushdb()
    yield Context(settings, store, volume, Pipeline(store, volume, send=sent))
    store.client.close()


@pytest.fixture
def job(context: Context) -> Job:
    """Return a submitted job whose first phase was sent."""
    return submit(context, "ftjob-1")


@pytest.fixture
def url(context: Context, sent: Sent) -> Iterator[str]:
    """Serve the API without its reaper, and yield its address."""
    with serving(create_app(context, reaping=False, count_waiting=sent.waiting)) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    """Yield the client as its users have it, but without retries, which would only take time."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """Yield a client for headers, streams and bodies that the openai client would not send."""
    with httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture
def book(client: openai.OpenAI) -> str:
    """Return the id of an uploaded manuscript."""
    return client.files.create(file=("book.txt", b"Once upon a midnight dreary."), purpose="fine-tune").id


@pytest.fixture
def engine(context: Context) -> Iterator[AnsweringEngine]:
    """Yield an engine that answers for the base and for the tuned model of a job."""
    engine, job = AnsweringEngine(), finish_with_model(context, "ftjob-0123", "poe")
    folders = {BASE: context.volume.models / BASE, TUNED: context.volume.folder(job.id, Phase.MERGE)}
    with serving(engine.app()) as address:
        context.store.serving.publish(
            [Served(name=name, folder=str(folder), state="ready", url=address) for name, folder in folders.items()],
            "cpu:here",
            timedelta(minutes=1),
        )
        yield engine


@pytest.fixture
def create(context: Context) -> Create:
    """Return a function that creates a key and returns its secret."""

    def make(*scopes: str, lifetime: timedelta | None = None) -> str:
        return open_key_store(context.settings).create("test", [KeyScope(scope) for scope in scopes], lifetime)[1]

    return make


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as inbox:
        yield inbox


@pytest.fixture
def hooked(context: Context, inbox: Inbox) -> Context:
    """Return a context whose webhook is the receiver on this machine."""
    return hook(context, f"{inbox.url}/hooks/path-token")
