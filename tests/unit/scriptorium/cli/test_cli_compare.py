"""`scriptorium compare` shows evaluated jobs side by side."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from scriptorium.cli.client import Client

JOBS = [f"ftjob-{digit * 24}" for digit in "123"]
VOICE = {"verdict": "not_there", "folded": 55.4, "low": 47.6, "high": 62.0}


def side(job: str, voice: dict[str, Any] | None) -> dict[str, Any]:
    return {"job": job, "model": f"[red]{job}", "result": {"author": {"drop_percent": 12.34}, "voice": voice}}


COMPARISON = {
    "object": "comparison",
    "models": [
        side(JOBS[0], VOICE),
        side(JOBS[1], {"verdict": "not_measurable", "folded": None}),
        side(JOBS[2], None),
    ],
    "differences": [
        {"job": JOBS[1], "summary": "no clear difference"},
        {"job": JOBS[2], "summary": "not measured"},
    ],
}


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/x/compare"
        assert request.url.params.get_list("job") == JOBS
        return httpx.Response(200, json=COMPARISON)

    client = Client("http://api.test", httpx.MockTransport(answer))
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    words = ["compare", *JOBS, *options]
    return CliRunner().invoke(main.app, words, catch_exceptions=False).output


def test_a_row_for_each_and_a_line_for_each_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(monkeypatch)
    assert "55 (48 to 62)" in output
    assert "not measurable" in output
    assert "-12.3 %" in output
    assert output.splitlines()[-2:] == [f"{JOBS[1]}: no clear difference", f"{JOBS[2]}: not measured"]


def test_machines_get_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run(monkeypatch, "--json")) == COMPARISON
