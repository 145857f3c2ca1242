"""`scriptorium chat` streams what a model writes, and puts its base beside it."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest

from scriptorium.cli.main import run
from tests.unit.scriptorium.cli.api_bodies import JOB, OTHER_JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

TUNED = "ft:tiny:scriptorium:verne:1"
JOBS = [make_job(JOB), {**make_job(OTHER_JOB, "succeeded"), "fine_tuned_model": TUNED}]
MODELS = {"tiny": None, TUNED: "tiny", f"{TUNED}@0.7": TUNED}


class ChatApi:
    """Answers every prompt with the model's name and the number of messages; `error` ends a stream."""

    def __init__(self, error: str = "") -> None:
        self.error = error
        self.bodies: list[dict[str, Any]] = []
        self.waits: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        if path == "/chat/completions":
            return self.answer(request)
        if path == "/fine_tuning/jobs":
            return httpx.Response(200, json=page(*JOBS))
        if path.startswith("/fine_tuning/jobs/"):
            return httpx.Response(200, json=next(job for job in JOBS if path.endswith(str(job["id"]))))
        name = path.removeprefix("/models/")
        if name in MODELS:
            return httpx.Response(200, json={"id": name, "parent": MODELS[name]})
        return httpx.Response(404, json={"error": {"code": "model_not_found", "message": f"no {name}"}})

    def answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        self.waits.append(request.headers["x-scriptorium-wait"])
        pieces = [body["model"], " has ", f"{len(body['messages'])}\x1b[2J"]
        chunks: list[dict[str, Any]] = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
        chunks += [{"error": {"code": "model_not_ready", "message": self.error}}] if self.error else []
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return httpx.Response(200, text="".join(lines) + "data: [DONE]\n\n")


@pytest.fixture
def api(use_api: UseApi) -> ChatApi:
    api = ChatApi()
    use_api(api)
    return api


@pytest.mark.parametrize(
    ("words", "model"),
    [([], TUNED), ([TUNED], TUNED), ([OTHER_JOB], TUNED), (["2"], TUNED), (["tiny"], "tiny"),
     ([f"{TUNED}@0.7"], f"{TUNED}@0.7")],
)  # fmt: skip
def test_a_model_is_named_or_a_job_or_the_newest_is_taken(
    api: ChatApi, capsys: pytest.CaptureFixture[str], words: list[str], model: str
) -> None:
    assert run(["chat", *words, "--prompt", "Hello."]) == 0
    assert capsys.readouterr().out == f"{model} has 1[2J\n"  # clean, too
    assert api.bodies[0]["messages"] == [{"role": "user", "content": "Hello."}]
    assert "temperature" not in api.bodies[0]
    assert api.waits == ["600"]


def test_a_conversation_is_remembered(
    api: ChatApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("One\nTwo\n\nnever"))
    assert run(["chat", "tiny", "--temperature", "0.5"]) == 0
    assert [message["content"] for message in api.bodies[1]["messages"]] == ["One", "tiny has 1\x1b[2J", "Two"]
    assert [body["temperature"] for body in api.bodies] == [0.5, 0.5]
    assert "tiny has 3" in capsys.readouterr().out


def test_base_and_tuned_answer_beside_each_other(api: ChatApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chat", f"{TUNED}@0.7", "--base", "--prompt", "Hello."]) == 0
    assert [body["model"] for body in api.bodies] == ["tiny", f"{TUNED}@0.7"]
    output = capsys.readouterr().out
    assert "tiny has 1" in output
    assert "scriptorium:verne" in output
    assert "\x1b" not in output
    assert run(["chat", "tiny", "--base", "--prompt", "Hello."]) == 5


def test_machines_get_whole_answers(api: ChatApi, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chat", "tiny", "--prompt", "Hello.", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"prompt": "Hello.", "answers": [{"model": "tiny", "text": "tiny has 1\x1b[2J"}]}


@pytest.mark.parametrize(("text", "status"), [(JOB, 5), ("9", 4), ("ft:nobody", 4)])
def test_what_has_no_model_is_said_to_have_none(api: ChatApi, text: str, status: int) -> None:
    assert run(["chat", text, "--prompt", "Hello."]) == status
    assert api.bodies == []


def test_an_engine_that_dies_in_an_answer_is_an_error(use_api: UseApi, capsys: pytest.CaptureFixture[str]) -> None:
    use_api(ChatApi(error="The connection to the engine was lost."))
    assert run(["chat", "tiny", "--prompt", "Hello."]) == 6
    assert "error (model_not_ready): The connection to the engine was lost." in capsys.readouterr().err
