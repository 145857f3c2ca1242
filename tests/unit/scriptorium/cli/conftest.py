"""One place where a command gets its client: a stand-in for the API is put there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from scriptorium.cli.client import Client

UseClient = Callable[[Any], None]
Answer = Callable[[httpx.Request], httpx.Response]
UseApi = Callable[[Answer], None]


@pytest.fixture
def use_client(monkeypatch: pytest.MonkeyPatch) -> UseClient:
    """Return a function that lets every command use the given client."""

    def use(client: Any) -> None:
        monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)

    return use


@pytest.fixture
def use_api(use_client: UseClient) -> UseApi:
    """Return a function that lets every command speak to an API that answers as the given function does."""

    def use(answer: Answer) -> None:
        use_client(Client("http://api.test", httpx.MockTransport(answer)))

    return use
