"""`scriptorium decide` shows a job's question, and answers it; and the command finds the containers' API by itself."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from scriptorium.cli import jobs, main
from scriptorium.cli.app import api_url
from scriptorium.cli.client import Client
from scriptorium.settings import Settings

ASKED = {
    "kind": "data_quality",
    "question": "Train on this text?",
    "reason": "Two passages look alike.",
    "options": [{"name": "go_on", "meaning": "train on it"}, {"name": "stop", "meaning": "fail the job"}],
    "recommended": "go_on",
    "answer": None,
}


class FakeClient:
    def __init__(self, asked: list[dict[str, Any]]) -> None:
        self.asked = asked
        self.told: list[tuple[str, str, str]] = []

    def decisions(self, job_id: str) -> list[dict[str, Any]]:
        return self.asked

    def decide(self, job_id: str, kind: str, answer: str) -> dict[str, Any]:
        self.told.append((job_id, kind, answer))
        return {"status": "validating_files"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    made = FakeClient([ASKED])
    monkeypatch.setattr(jobs, "connect", lambda: made)
    return made


def test_the_question_is_shown_with_its_options(client: FakeClient) -> None:
    shown = CliRunner().invoke(main.app, ["decide", "ftjob-1"]).output
    assert "Train on this text? Two passages look alike." in shown
    assert "stop" in shown
    assert "recommended: go_on" in shown
    assert json.loads(CliRunner().invoke(main.app, ["decide", "ftjob-1", "--json"]).output) == ASKED
    assert client.told == []


def test_an_answer_is_sent(client: FakeClient) -> None:
    assert "validating_files" in CliRunner().invoke(main.app, ["decide", "ftjob-1", "stop"]).output
    assert client.told == [("ftjob-1", "data_quality", "stop")]


def test_a_job_that_asks_nothing_is_named(client: FakeClient) -> None:
    client.asked = [{**ASKED, "answer": "stop"}]
    result = CliRunner().invoke(main.app, ["decide", "ftjob-1", "go_on"])
    assert "ftjob-1 asks nothing" in str(result.exception)


def test_without_a_local_stack_the_usual_address_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(Client, "answers", lambda self: self.url == "http://127.0.0.1:8421")
    assert api_url(Settings(data_dir=tmp_path)) == "http://127.0.0.1:8421"
