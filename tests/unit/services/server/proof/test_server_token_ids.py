"""Token ids in training and in serving, with an engine that works as vLLM does, and with ones that do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from scriptorium.contracts import Endpoint
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import chat_tokenizer
from services.server.proof.token_ids import CHATS, compare_token_ids
from tests.integration.llama_base import BEGIN_OF_TEXT, TEMPLATE, write_llama_base

ENDPOINT = Endpoint(url="http://engine", model="tuned")
Change = Callable[[list[int]], list[int]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write_llama_base(tmp_path / "base")
    return tmp_path / "base"


def serve(monkeypatch: pytest.MonkeyPatch, folder: Path, change: Change = list) -> list[dict[str, Any]]:
    """Stand in for an engine that serves a folder; returns the requests that it gets."""
    requests: list[dict[str, Any]] = []
    tokenizer = chat_tokenizer(folder)

    def post(url: str, json: dict[str, Any], **_: Any) -> httpx.Response:
        requests.append(json)
        chat = tokenizer.render(json["messages"], add_generation_prompt=json["add_generation_prompt"])
        body = {"tokens": change(tokenizer.encode(chat))}
        return httpx.Response(200, json=body, request=httpx.Request("POST", url))

    monkeypatch.setattr("services.server.proof.token_ids.httpx.post", post)
    return requests


def set_template(folder: Path, template: str) -> None:
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"chat_template": template}))
    chat_tokenizer.cache_clear()


def test_equal_ids_with_one_begin_of_text(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requests, reporter = serve(monkeypatch, base), SilentReporter()
    token_ids = compare_token_ids(ENDPOINT, base, reporter)
    assert (token_ids.chats, token_ids.begin_of_text) == (len(CHATS), 1)
    assert [body["add_generation_prompt"] for body in requests] == [True, False, True, True]
    assert reporter.messages == [
        f"[SERVE] 4 chats have the same {token_ids.tokens} token ids as in training, each with one begin-of-text token"
    ]


def test_a_second_begin_of_text_in_serving_is_found(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, base, lambda ids: [ids[0], *ids])
    with pytest.raises(EngineFailed, match="from token 1 of ") as caught:
        compare_token_ids(ENDPOINT, base, SilentReporter())
    assert BEGIN_OF_TEXT in str(caught.value)


def test_a_turn_that_is_cut_off_is_found(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, base, lambda ids: ids[:-2])
    with pytest.raises(EngineFailed, match="reads a chat otherwise than in training"):
        compare_token_ids(ENDPOINT, base, SilentReporter())


def test_two_begins_on_both_sides_fail_and_none_is_a_warning(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_template(base, "{{ bos_token }}" + TEMPLATE)
    serve(monkeypatch, base)
    with pytest.raises(EngineFailed, match="begins with 2 begin-of-text tokens instead of one"):
        compare_token_ids(ENDPOINT, base, SilentReporter())
    set_template(base, TEMPLATE.replace("{{- bos_token }}", ""))
    serve(monkeypatch, base)
    reporter = SilentReporter()
    assert compare_token_ids(ENDPOINT, base, reporter).begin_of_text == 0
    assert "without the begin-of-text token" in reporter.messages[0]


def test_a_chat_that_the_template_refuses_is_left_out(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = "{%- if messages[0]['role'] == 'system' %}{{ raise_exception('no system message') }}{%- endif %}"
    set_template(base, refusal + TEMPLATE)
    serve(monkeypatch, base)
    assert compare_token_ids(ENDPOINT, base, SilentReporter()).chats == len(CHATS) - 1


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(200, json={"count": 3})])
def test_an_engine_that_does_not_tokenise_is_named(
    base: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    answer.request = httpx.Request("POST", "http://engine")
    monkeypatch.setattr("services.server.proof.token_ids.httpx.post", lambda *_, **__: answer)
    with pytest.raises(EngineFailed, match="tuned did not tokenise a chat"):
        compare_token_ids(ENDPOINT, base, SilentReporter())
