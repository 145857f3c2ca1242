"""`scriptorium run` refuses what cannot run before the book is sent, and leaves no upload of a refused job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from scriptorium.cli.client import Client
from scriptorium.cli.main import run
from scriptorium.settings import Settings
from tests.unit.scriptorium.cli.conftest import UseApi, UseClient

REFUSAL = {"error": {"code": "invalid_request", "message": "No.", "param": "suffix", "next_step": None}}


class RunApi:
    """An API that refuses where it is asked to, and knows some models."""

    def __init__(self, *, refusing: str = "", models: tuple[str, ...] = ()) -> None:
        self.refusing, self.models = refusing, models
        self.calls: list[str] = []
        self.job: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        self.calls.append(f"{request.method} {path}")
        if self.refusing and path.endswith(self.refusing):
            return httpx.Response(400, json=REFUSAL)
        if path == "/x/estimate":
            return httpx.Response(500)
        if path == "/models":
            return httpx.Response(200, json={"data": [{"id": name} for name in self.models]})
        if path == "/files":
            return httpx.Response(200, json={"id": f"file-{len(self.calls)}"})
        self.job = json.loads(request.content) if request.content else {}
        return httpx.Response(200, json={"id": "ftjob-1"})


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 50)
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "twain.txt").write_text("It was.")
    return "book.txt"


def test_a_request_that_must_change_is_refused_before_the_upload(
    use_api: UseApi, book: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api = RunApi(refusing="/estimate")
    use_api(api)
    assert run(["run", book, "--detach", "--suffix", "no spaces please"]) == 5
    assert api.calls == ["POST /x/estimate"]
    assert "place: suffix" in capsys.readouterr().err


def test_a_refused_job_leaves_no_upload(use_api: UseApi, book: str) -> None:
    api = RunApi(refusing="/jobs")
    use_api(api)
    assert run(["run", book, "--detach", "--impostors", "others"]) == 5
    assert api.calls[1:] == [
        "POST /files", "POST /files", "POST /fine_tuning/jobs", "DELETE /files/file-2", "DELETE /files/file-3",
    ]  # fmt: skip


def test_what_is_not_there_is_not_sent(use_api: UseApi, book: str) -> None:
    api = RunApi()
    use_api(api)
    assert run(["run", "nothing.txt", "--detach"]) == 5
    assert "POST /files" not in api.calls


def local(use_client: UseClient, monkeypatch: pytest.MonkeyPatch, api: RunApi, settings: Settings) -> None:
    use_client(Client("http://127.0.0.1:8421", httpx.MockTransport(api)))
    monkeypatch.setattr("scriptorium.cli.jobs.run.get_settings", lambda: settings)


def test_without_a_gpu_the_only_base_here_is_taken(
    use_client: UseClient, monkeypatch: pytest.MonkeyPatch, book: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api = RunApi(models=("tiny", "ft:tiny:scriptorium:x:1"))
    local(use_client, monkeypatch, api, Settings(device="cpu"))
    assert run(["run", book, "--detach"]) == 0
    assert api.job["model"] == "tiny"
    assert "base: tiny, because this machine has no GPU" in capsys.readouterr().err


@pytest.mark.parametrize(("models", "advice"), [((), "Put a small model's folder"), (("a", "b"), "--model: a, b.")])
def test_without_a_gpu_and_without_a_choice_nothing_is_sent(
    use_client: UseClient,
    monkeypatch: pytest.MonkeyPatch,
    book: str,
    capsys: pytest.CaptureFixture[str],
    *,
    models: tuple[str, ...],
    advice: str,
) -> None:
    api = RunApi(models=models)
    local(use_client, monkeypatch, api, Settings(device="cpu"))
    assert run(["run", book, "--detach"]) == 5
    assert api.calls == ["GET /models"]
    text = capsys.readouterr().err
    assert "meta-llama/Llama-3.1-8B-Instruct, needs a GPU" in text
    assert advice in text


@pytest.mark.parametrize(
    "settings", [Settings(device="cuda"), Settings(device="cpu", default_model="meta-llama/Llama-3.1-8B-Instruct")]
)
def test_with_a_gpu_or_by_the_users_settings_the_default_stands(
    use_client: UseClient, monkeypatch: pytest.MonkeyPatch, book: str, settings: Settings
) -> None:
    api = RunApi(models=("tiny",))
    local(use_client, monkeypatch, api, settings)
    assert run(["run", book, "--detach"]) == 0
    assert api.job["model"] == "meta-llama/Llama-3.1-8B-Instruct"
