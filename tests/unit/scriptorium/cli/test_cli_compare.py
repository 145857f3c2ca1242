"""`scriptorium compare` shows evaluated jobs side by side."""

import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from scriptorium.cli.client import Client
from scriptorium.cli.models import compare

VOICE = {"verdict": "not_there", "folded": 55.4, "low": 47.6, "high": 62.0}


def side(job: str, voice: dict[str, Any] | None) -> dict[str, Any]:
    return {"job": job, "model": f"[red]{job}", "result": {"author": {"drop_percent": 12.34}, "voice": voice}}


COMPARISON = {
    "object": "comparison",
    "models": [
        side("ftjob-1", VOICE),
        side("ftjob-2", {"verdict": "not_measurable", "folded": None}),
        side("ftjob-3", None),
    ],
    "differences": [
        {"job": "ftjob-2", "summary": "no clear difference"},
        {"job": "ftjob-3", "summary": "not measured"},
    ],
}


def run(monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/x/compare"
        assert request.url.params.get_list("job") == ["ftjob-1", "ftjob-2", "ftjob-3"]
        return httpx.Response(200, json=COMPARISON)

    monkeypatch.setattr(compare, "connect", lambda: Client("http://api.test", httpx.MockTransport(answer)))
    words = ["compare", "ftjob-1", "ftjob-2", "ftjob-3", *options]
    return CliRunner().invoke(main.app, words, catch_exceptions=False).output


def test_a_row_for_each_and_a_line_for_each_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(monkeypatch)
    assert "55 (48 to 62)" in output
    assert "not measurable" in output
    assert "-12.3 %" in output
    assert output.splitlines()[-2:] == ["ftjob-2: no clear difference", "ftjob-3: not measured"]


def test_machines_get_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run(monkeypatch, "--json")) == COMPARISON
