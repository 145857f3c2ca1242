"""`scriptorium reading` prints the link for readers and their answers so far."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from scriptorium.cli.client import Client

JOB = f"ftjob-{'1' * 24}"
SCORE = {"tuned": 5, "base": 1, "cannot_tell": 0, "summary": "The tuned model was chosen."}
READER = {"reader": "[red]Ann", "answered": 6, "total": 12, "closer": SCORE, "better": SCORE}
TALLY: dict[str, Any] = {
    "page": f"/jobs/{JOB}/read",
    "answers": 6,
    "closer": SCORE,
    "better": {**SCORE, "summary": "Better?"},
    "readers": [READER],
}
LINK = f"http://api.test/jobs/{JOB}/read"


def run(monkeypatch: pytest.MonkeyPatch, tally: dict[str, Any], *options: str) -> str:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == f"/jobs/{JOB}/report":
            return httpx.Response(200, text="<p>97 %…</p>")
        assert request.url.path == f"/v1/x/jobs/{JOB}/reading/tally"
        return httpx.Response(200, json=tally)

    client = Client("http://api.test", httpx.MockTransport(answer))
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    return CliRunner().invoke(main.app, ["reading", JOB, *options], catch_exceptions=False).output


def test_the_link_the_result_and_the_readers_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run(monkeypatch, TALLY).splitlines()
    assert lines[:3] == [f"blind reading: {LINK}", "The tuned model was chosen.", "Better?"]
    assert lines[-1].split() == ["[red]Ann", "6", "of", "12", "5", "1", "0"]


def test_without_answers_there_is_only_the_link(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {**TALLY, "answers": 0, "readers": []}) == f"blind reading: {LINK}\n"


def test_machines_get_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run(monkeypatch, TALLY, "--json")) == {**TALLY, "link": LINK}


def test_the_report_with_the_tally_can_be_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, TALLY, "--output", str(tmp_path / "report.html"))
    assert (tmp_path / "report.html").read_text("utf-8") == "<p>97 %…</p>"
