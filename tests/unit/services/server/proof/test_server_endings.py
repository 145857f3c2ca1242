"""Answers that end by themselves, some of them, or none."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from scriptorium.contracts import Endpoint
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import SilentReporter
from services.server.proof.endings import PROMPTS, check_endings

ENDPOINT = Endpoint(url="http://engine", model="tuned")


def answer(monkeypatch: pytest.MonkeyPatch, endless: tuple[str, ...]) -> list[dict[str, Any]]:
    """Stand in for an engine that writes up to the limit for some prompts; returns the requests that it gets."""
    requests: list[dict[str, Any]] = []

    def post(url: str, json: dict[str, Any], **_: Any) -> httpx.Response:
        requests.append(json)
        reason = "length" if json["messages"][0]["content"] in endless else "stop"
        return httpx.Response(200, json={"choices": [{"finish_reason": reason}]}, request=httpx.Request("POST", url))

    monkeypatch.setattr("services.server.proof.endings.httpx.post", post)
    return requests


def test_every_answer_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    requests, reporter = answer(monkeypatch, ()), SilentReporter()
    endings = check_endings(ENDPOINT, 0.8, 4096, reporter)
    assert (endings.questions, endings.ended, endings.max_tokens) == (4, 4, 1024)
    assert {(body["max_tokens"], body["temperature"]) for body in requests} == {(1024, 0.8)}
    assert reporter.messages == ["[SERVE] 4 of 4 answers to short questions end by themselves within 1024 tokens"]


def test_some_are_counted_and_a_short_context_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = answer(monkeypatch, PROMPTS[1:])
    endings = check_endings(ENDPOINT, None, 300, SilentReporter())
    assert (endings.ended, endings.max_tokens) == (1, 150)
    assert not any("temperature" in body for body in requests)


def test_a_model_that_never_ends_fails_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, PROMPTS)
    with pytest.raises(EngineFailed, match="tuned does not end its answers: 0 of 4") as caught:
        check_endings(ENDPOINT, 1.0, 4096, SilentReporter())
    assert "instruct model" in (caught.value.next_step or "")


def test_an_engine_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = httpx.Response(500, request=httpx.Request("POST", "http://engine"))
    monkeypatch.setattr("services.server.proof.endings.httpx.post", lambda *_, **__: failed)
    with pytest.raises(EngineFailed, match="tuned did not answer a short prompt"):
        check_endings(ENDPOINT, None, 4096, SilentReporter())
