"""`scriptorium serve` on a running stack: asked over HTTP, awaited, released."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from scriptorium.cli.client import Client
from scriptorium.cli.models import keep_warm
from scriptorium.errors import EngineFailed

NAME = "ft:org/base:scriptorium:my novel:01@0.7"


class Stack:
    """An API with one model, whose states come one after the other."""

    def __init__(self, *states: str) -> None:
        self.states = iter(states)
        self.calls: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append((request.method, path.removeprefix("/v1")))
        if NAME not in path:
            return httpx.Response(404, json={"error": {"message": "no such model", "code": "model_not_found"}})
        status = next(self.states) if request.method == "GET" else "cold"
        return httpx.Response(200, json={"id": NAME, "status": status, "reason": "no memory" * (status == "failed")})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_warm, "POLL_INTERVAL", 0.0)


def client(stack: Stack) -> Client:
    return Client("http://api", httpx.MockTransport(stack))


def test_a_model_is_awaited_and_its_progress_told(capsys: pytest.CaptureFixture[str]) -> None:
    stack, stages = Stack("cold", "loading", "warm"), list[str]()
    keep_warm.keep_warm(client(stack), NAME, stages.append, as_json=True)
    assert stages == ["cold", "loading"]
    assert stack.calls[0] == ("POST", f"/x/models/{NAME}/warm")
    assert json.loads(capsys.readouterr().out)["status"] == "warm"


def test_a_model_that_cannot_be_loaded_says_why() -> None:
    with pytest.raises(EngineFailed, match="no memory"):
        keep_warm.keep_warm(client(Stack("loading", "failed")), NAME, lambda stage: None, as_json=False)


def test_a_folder_or_no_stack_is_served_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    stack: Any = client(Stack("cold"))
    monkeypatch.setattr(keep_warm, "connect", lambda: stack)
    assert keep_warm.find_stack("./merged") is None
    assert keep_warm.find_stack(NAME) is stack


def test_a_model_is_released(capsys: pytest.CaptureFixture[str]) -> None:
    stack = Stack()
    keep_warm.release(client(stack), NAME, as_json=False)
    assert stack.calls == [("DELETE", f"/x/models/{NAME}/warm")]
    assert "unloaded once nobody has asked it" in capsys.readouterr().out
