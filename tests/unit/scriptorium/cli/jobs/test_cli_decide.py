"""`scriptorium decide` shows a job's question, and answers it; and the command finds the containers' API by itself."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from scriptorium.cli.app import api_url
from scriptorium.cli.client import Client
from scriptorium.settings import Settings

JOB = f"ftjob-{'1' * 24}"
QUESTION = {
    "kind": "data_quality",
    "question": "Train on this text?",
    "reason": "Two passages look alike.",
    "options": [{"name": "go_on", "meaning": "train on it"}, {"name": "stop", "meaning": "fail the job"}],
    "recommended": "go_on",
    "answer": None,
    "page": f"/jobs/{JOB}/quality",
}


class DecisionClient:
    def __init__(self, questions: list[dict[str, Any]]) -> None:
        self.questions = questions
        self.answers: list[tuple[str, str, str]] = []
        self.url = "http://here"

    def decisions(self, job_id: str) -> list[dict[str, Any]]:
        return self.questions

    def decide(self, job_id: str, kind: str, answer: str) -> dict[str, Any]:
        self.answers.append((job_id, kind, answer))
        return {"status": "validating_files"}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> DecisionClient:
    client = DecisionClient([QUESTION])
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    return client


def test_the_question_is_shown_with_its_options(client: DecisionClient) -> None:
    output = CliRunner().invoke(main.app, ["decide", JOB]).output
    assert "Train on this text? Two passages look alike." in output
    assert "stop" in output
    assert "recommended: go_on" in output
    assert f"http://here/jobs/{JOB}/quality" in "".join(output.split())
    assert json.loads(CliRunner().invoke(main.app, ["decide", JOB, "--json"]).output) == QUESTION
    assert client.answers == []


def test_an_answer_is_sent(client: DecisionClient) -> None:
    assert "validating_files" in CliRunner().invoke(main.app, ["decide", JOB, "stop"]).output
    assert client.answers == [(JOB, "data_quality", "stop")]


def test_a_job_without_an_open_question_is_named(client: DecisionClient) -> None:
    client.questions = [{**QUESTION, "answer": "stop"}]
    result = CliRunner().invoke(main.app, ["decide", JOB, "go_on"])
    assert f"{JOB} has no open question" in str(result.exception)


def test_without_a_local_stack_the_address_of_compose_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(Client, "is_up", lambda self: self.url == "http://127.0.0.1:8421")
    assert api_url(Settings(data_dir=tmp_path)) == "http://127.0.0.1:8421"
