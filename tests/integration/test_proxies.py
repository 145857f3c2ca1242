"""The stack and the command line behind a proxy of the environment that does not answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.cli.client import Client
from scriptorium.local import stack
from scriptorium.local.supervisor import is_healthy
from scriptorium.process.child import wait_until
from scriptorium.settings import Settings


@contextmanager
def connect(url: str) -> Iterator[Client]:
    """Yield a client, and close its connections."""
    client = Client(url)
    try:
        yield client
    finally:
        client._http.close()


@pytest.fixture
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name a closed port as the proxy of everything."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address)
        yield address


def test_the_api_is_reached_past_a_proxy(dead_proxy: str, url: str) -> None:
    # A question has two seconds, which a busy machine may need for itself.
    assert wait_until(lambda: is_healthy(url), timedelta(seconds=30))
    with connect(url) as client:
        assert wait_until(client.is_up, timedelta(seconds=30))
        assert client.jobs(5) == []


def test_a_stack_starts_behind_a_proxy(dead_proxy: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", api_port=0)
    try:
        running = stack.up(settings, lambda text: None, attached=True)
        with connect(running.api_url) as client:
            assert wait_until(client.is_up, timedelta(seconds=30))
    finally:
        stack.down(settings, lambda text: None)
