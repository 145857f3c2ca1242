import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from scriptorium.cli import main as command
from scriptorium.cli.client import ApiError, Client
from scriptorium.cli.follow import fetch_results, follow

JOB = {"id": "ftjob-1", "status": "succeeded", "result_files": ["file-1"], "fine_tuned_model": "ft:x"}


def event(number: int, message: str, kind: str = "message", **data: float) -> str:
    body = {"id": f"ftevent-{number}-0", "message": message, "level": "info", "type": kind, "data": data}
    return f"id: ftevent-{number}-0\ndata: {json.dumps(body)}\n\n"


class EventTransport(httpx.MockTransport):
    """The API's side: a stream that breaks once, a job, a file."""

    def __init__(self) -> None:
        super().__init__(self.answer)
        self.resumed_from: list[str | None] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        if path.endswith("/events"):
            return self.stream(request)
        if path == "/fine_tuning/jobs/ftjob-1":
            return httpx.Response(200, json=JOB)
        if path == "/files/file-1":
            return httpx.Response(200, json={"id": "file-1", "filename": "ftjob-1-report.html"})
        if path == "/files/file-1/content":
            return httpx.Response(200, content=b"<html>")
        error = {"message": "There is no such thing.", "code": "not_found", "param": None, "next_step": "Look again."}
        return httpx.Response(404, json={"error": error})

    def stream(self, request: httpx.Request) -> httpx.Response:
        self.resumed_from.append(request.headers.get("last-event-id"))
        first = event(1, "[DATA] 35 examples") + event(2, "Step 10", "metrics", step=10, train_loss=2.5, total_steps=20)
        second = event(3, "Step 11", "metrics", step=11, train_loss=2.4, total_steps=20) + event(4, "Done [or not]")
        if len(self.resumed_from) == 1:
            return httpx.Response(200, content=broken(first))
        return httpx.Response(200, content=(second + "event: done\ndata: {}\n\n").encode())


def broken(text: str) -> Any:
    yield text.encode()
    raise httpx.ReadError("connection lost")


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> EventTransport:
    monkeypatch.setattr("scriptorium.cli.client.time.sleep", lambda _: None)
    return EventTransport()


def followed_lines(transport: EventTransport, *, as_json: bool = False) -> list[str]:
    lines = io.StringIO()
    follow(Client("http://api", transport), "ftjob-1", Console(file=lines, width=200), as_json=as_json)
    return lines.getvalue().splitlines()


def test_a_lost_connection_loses_and_repeats_no_line(transport: EventTransport) -> None:
    assert followed_lines(transport) == ["[DATA] 35 examples", "Step 10", "Done [or not]"]
    assert transport.resumed_from == [None, "ftevent-2-0"]


def test_an_api_that_is_gone_is_said_to_be_once(transport: EventTransport, capsys: pytest.CaptureFixture[str]) -> None:
    refusals = [httpx.ConnectError("refused")] * 3

    def answer(request: httpx.Request) -> httpx.Response:
        if refusals and transport.resumed_from:
            raise refusals.pop()
        return transport.answer(request)

    follow(Client("http://api", httpx.MockTransport(answer)), "ftjob-1", Console(file=io.StringIO()))
    assert capsys.readouterr().err.count("The API does not answer.") == 1


def test_machines_get_every_event(transport: EventTransport) -> None:
    assert [json.loads(line)["message"] for line in followed_lines(transport, as_json=True)][1:3] == [
        "Step 10",
        "Step 11",
    ]


def test_results_are_named_without_the_job(transport: EventTransport, tmp_path: Path) -> None:
    paths = fetch_results(Client("http://api", transport), JOB, tmp_path / "out")
    assert paths == [tmp_path / "out" / "report.html"]
    assert paths[0].read_bytes() == b"<html>"


def test_what_the_api_refuses_is_an_error_with_its_code_and_next_step(transport: EventTransport) -> None:
    with pytest.raises(ApiError) as caught:
        Client("http://api", transport).cancel("ftjob-2")
    assert (caught.value.code, caught.value.status, caught.value.next_step) == ("not_found", 404, "Look again.")


def test_every_command_has_help_and_nothing_runs_without_a_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(Client, "is_up", lambda self: False)
    result = CliRunner().invoke(command.app, ["--help"])
    for name in ("up", "down", "status", "logs", "run", "follow", "cancel", "demo", "prepare", "train", "merge"):
        assert name in result.stdout
    monkeypatch.setattr("sys.argv", ["scriptorium", "jobs"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 3
    written = capsys.readouterr().err
    assert "error (conflict): No stack is running." in written
    assert "scriptorium up" in written


def test_status_reports_by_its_exit_code_that_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(Client, "is_up", lambda self: False)
    result = CliRunner().invoke(command.app, ["status"])
    assert (result.exit_code, result.stdout) == (3, "Nothing is running.\n")
