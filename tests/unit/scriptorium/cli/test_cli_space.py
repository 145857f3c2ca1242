"""`scriptorium delete` and `scriptorium prune` call the API and say what has become free."""

import json
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from scriptorium.artifacts.file_store import RESULT
from scriptorium.cli import main, space
from scriptorium.cli.client import Client
from scriptorium.cli.main import run
from scriptorium.errors import Conflict
from scriptorium.settings import Settings
from tests.unit.scriptorium.cli.api_bodies import FILE
from tests.unit.scriptorium.cli.conftest import UseApi

JOB = f"ftjob-{'1' * 24}"
PRUNED = {
    "object": "prune",
    "dry_run": True,
    "freed_bytes": 16_000_001_000,
    "kinds": [
        {"kind": "temporary_folders", "count": 1, "bytes": 16_000_000_000, "paths": ["runs/ftjob-1/merge.1.tmp"]},
        {"kind": "uploads", "count": 0, "bytes": 0, "paths": []},
        {"kind": "logs", "count": 2, "bytes": 1000, "paths": ["logs/a.log.1", "logs/b.log.1"]},
    ],
}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Let the command speak to an API that records its requests, and return them."""
    recorded: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        recorded.append(request)
        if request.method == "DELETE":
            extension = {"freed_bytes": 16_100_000_000, "remaining_files": ["file-1"]}
            return httpx.Response(200, json={"id": JOB, "deleted": True, "scriptorium": extension})
        return httpx.Response(200, json=PRUNED)

    def client(*_: Any, **__: Any) -> Client:
        return Client("http://api", httpx.MockTransport(answer))

    monkeypatch.setattr("scriptorium.cli.app.open_client", client)
    monkeypatch.setattr(space, "Client", client)
    monkeypatch.setattr(space, "api_url", lambda settings: "http://api")
    return recorded


def test_a_job_is_deleted_and_its_size_shown(requests: list[httpx.Request]) -> None:
    assert CliRunner().invoke(main.app, ["delete", JOB]).output == f"{JOB}: deleted, 16.1 GB freed\n"
    output = CliRunner().invoke(main.app, ["delete", JOB, "--manuscript", "--json"]).output
    assert json.loads(output)["deleted"]
    assert [str(request.url) for request in requests] == [
        f"http://api/v1/fine_tuning/jobs/{JOB}?manuscript=false",
        f"http://api/v1/fine_tuning/jobs/{JOB}?manuscript=true",
    ]


def test_pruning_shows_sizes_by_kind(requests: list[httpx.Request]) -> None:
    output = CliRunner().invoke(main.app, ["prune", "--dry-run"]).output
    assert "temporary folders" in output
    assert "uploads" not in output
    assert "16.0 GB would be freed" in output
    assert json.loads(CliRunner().invoke(main.app, ["prune", "--json"]).output) == PRUNED
    assert [json.loads(request.content) for request in requests] == [{"dry_run": True}, {"dry_run": False}]


def test_a_stack_whose_redis_is_elsewhere_is_not_pruned_without_its_api(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(Client, "is_up", lambda self: False)
    with pytest.raises(Conflict, match="No stack is running"):
        space.prune_data(Settings(data_dir=tmp_path, redis_url="redis://elsewhere"), dry_run=False)


def test_files_are_listed_and_deleted(use_api: UseApi, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        {"id": FILE, "filename": "tarzan.txt", "bytes": 2_000_000, "created_at": 1_700_000_000, "purpose": "fine-tune"},
        {"id": f"file-{'4' * 24}", "filename": "report.html", "bytes": 1, "created_at": 0, "purpose": RESULT},
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(200, json={"id": request.url.path.rpartition("/")[2], "deleted": True})
        return httpx.Response(200, json={"data": entries} if request.url.path == "/v1/files" else entries[0])

    use_api(answer)
    assert run(["files"]) == 0
    output = capsys.readouterr().out
    assert FILE in output
    assert "2.0 MB" in output
    assert "report.html" not in output
    assert run(["files", "--results", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert run(["files", "--delete", "3"]) == 0
    assert capsys.readouterr().out == f"{FILE}: deleted\n"
    assert run(["files", "--delete", "9"]) == 4


def test_a_terminal_is_asked_before_a_job_is_gone(
    requests: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question, abort: (_ for _ in ()).throw(typer.Abort))
    assert run(["delete", JOB]) == 130
    assert requests == []
    assert run(["delete", JOB, "--yes"]) == 0
