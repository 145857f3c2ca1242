"""`scriptorium logs` of a job or a service, and `report`, which opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from scriptorium.cli.main import run
from tests.unit.scriptorium.cli.api_bodies import JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

EVENTS: list[dict[str, Any]] = [
    {"id": f"ftevent-{number}", "message": f"Step {number}", "level": "info", "type": "metrics",
     "data": {"train_loss": 2.0, "step": number, "total_steps": 250}}
    for number in range(250)
]  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    path = request.url.path.removeprefix("/v1")
    if path.endswith("/events"):
        if "stream" in request.headers["accept"]:
            assert request.headers["last-event-id"] == "ftevent-249"
            event = {**EVENTS[0], "id": "ftevent-250", "message": "The end"}
            return httpx.Response(200, text=f"data: {json.dumps(event)}\n\nevent: done\ndata: {{}}\n\n")
        newest = EVENTS[::-1]
        after = request.url.params.get("after")
        first = 1 + next(index for index, event in enumerate(newest) if event["id"] == after) if after else 0
        last = first + int(request.url.params["limit"])
        return httpx.Response(200, json=page(*newest[first:last], has_more=last < len(newest)))
    if path == "/fine_tuning/jobs":
        return httpx.Response(200, json=page(make_job()))
    if path.endswith("/report"):
        return httpx.Response(200, text="<html>")
    return httpx.Response(200, json=make_job(pages={"report": f"/jobs/{JOB}/report"}))


@pytest.fixture(autouse=True)
def stack(use_api: UseApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack with the log of one service."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "trainer.log").write_text("one\ntwo\x1b[2J\n")
    use_api(answer)


@pytest.mark.parametrize("count", [0, 3, 120, 999])
def test_the_last_events_of_a_job_oldest_first(capsys: pytest.CaptureFixture[str], count: int) -> None:
    assert run(["logs", "1", "--lines", str(count)]) == 0
    expected = [event["message"] for event in EVENTS[-count:]] if count else []
    assert capsys.readouterr().out.splitlines() == expected


def test_new_events_are_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", JOB, "-n", "1", "--follow"]) == 0
    assert capsys.readouterr().out.splitlines() == ["Step 249", "The end"]


def test_a_service_has_a_log_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "trainer"]) == 0
    assert capsys.readouterr().out == "one\ntwo[2J\n"
    assert run(["logs", "trainer", "--json", "-n", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == {"line": "two\x1b[2J"}


def test_what_is_neither_is_answered_with_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "cook"]) == 4
    text = capsys.readouterr().err
    assert "There is no job and no service cook." in text
    assert "trainer" in text


def test_a_report_is_opened_or_saved(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) is None)
    address = f"http://api.test/jobs/{JOB}/report"
    assert run(["report", "1"]) == 0
    assert run(["report", "1", "--no-open"]) == 0
    assert run(["report", "1", "--json"]) == 0
    assert opened == [address]
    assert capsys.readouterr().out.startswith(f"report: {address}\nreport: {address}\n{{")
    assert run(["report", "1", "--output", "new/report.html"]) == 0
    assert (tmp_path / "new" / "report.html").read_text() == "<html>"
