"""`scriptorium up` on a stack that already runs, `status`, `models` and `recipes`."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from scriptorium.cli import stack
from scriptorium.cli.main import run
from scriptorium.local.state import State
from tests.unit.scriptorium.cli.api_bodies import JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

RUNNING = State(pid=1, created=0.0, state="ready", api_url="http://127.0.0.1:8421")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let a stack run on port 8421."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(stack, "find_running", lambda settings: RUNNING)
    monkeypatch.setattr("scriptorium.local.stack.up", lambda settings, notify: RUNNING)


def test_another_port_is_refused_while_the_stack_runs(running: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["up", "--port", "8500"]) == 5
    text = capsys.readouterr().err
    assert "The stack already runs, at http://127.0.0.1:8421." in text
    assert "scriptorium down && scriptorium up --port 8500" in text


@pytest.mark.parametrize("words", [["up"], ["up", "--port", "8421"], ["up", "--port", "0"]])
def test_the_same_port_or_any_is_fine(running: None, words: list[str]) -> None:
    assert run(words) == 0


def test_the_status_of_containers_is_told_by_their_api(
    use_api: UseApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "find_running", lambda settings: None)
    engine = {"id": "tiny", "status": "warm"}
    answers = {"/v1/models": page(engine), "/v1/fine_tuning/jobs": page(make_job())}
    use_api(lambda request: httpx.Response(200, json=answers[request.url.path]))
    assert run(["status"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("ready: http://api.test/v1\n")
    assert JOB in text
    assert run(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["engines"] == [engine]


def test_models_are_listed_whole_with_their_state(use_api: UseApi, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"ft:meta-llama/Llama-3.1-8B-Instruct:scriptorium:{'x' * 60}:1a2b"
    entries = [{"id": name, "status": "failed", "reason": "no memory"}, {"id": "b", "status": "warm", "reason": None}]
    use_api(lambda request: httpx.Response(200, json={"data": entries}))
    assert run(["models"]) == 0
    text = capsys.readouterr().out
    assert name in text
    assert "no memory" in text
    assert run(["models", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == entries


def test_recipes_are_listed_or_printed_to_be_edited(capsys: pytest.CaptureFixture[str], project: Path) -> None:
    assert run(["recipes"]) == 0
    text = capsys.readouterr().out
    assert "bf16 LoRA on packed short passages" in text
    assert run(["recipes", "lora"]) == 0
    assert capsys.readouterr().out.rstrip() == (project / "recipes" / "lora.yaml").read_text().rstrip()
    assert run(["recipes", "loar"]) == 5
    assert "did you mean lora?" in capsys.readouterr().err
