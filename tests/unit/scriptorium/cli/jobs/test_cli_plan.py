"""`scriptorium plan` shows a table; `scriptorium run` shows a line before the job starts."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from scriptorium.cli.client import Client
from scriptorium.errors import InvalidValidationFile, MemoryLow
from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import Device
from scriptorium.planning.estimate import estimate
from scriptorium.planning.model_shape import known_shape
from scriptorium.recipe import Training

SIZE = DatasetSize(rows=41, tokens=61_500, longest_row=2090, answer_tokens=57_000, dev_rows=6, basis="[red]words")
GIB = 1024**3


def make_estimate(free: int = 30) -> dict[str, Any]:
    shape = known_shape("meta-llama/Llama-3.1-8B-Instruct")
    assert shape is not None
    device = Device("NVIDIA GeForce RTX 5090", True, 209.5e12, 32 * GIB, free * GIB, 500 * GIB)
    return estimate(Training(), shape, SIZE, device, recipe="qlora").model_dump(mode="json")


def run(monkeypatch: pytest.MonkeyPatch, *words: str, body: dict[str, Any] | None = None, status: int = 200) -> Any:
    requests: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/x/estimate":
            requests.append(json.loads(request.content))
            return httpx.Response(status, json=body or make_estimate())
        return httpx.Response(200, json={"id": "file-1" if "files" in request.url.path else "ftjob-1"})

    client = Client("http://api.test", httpx.MockTransport(answer))
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    return CliRunner().invoke(main.app, list(words), catch_exceptions=False), requests


def test_a_book_is_counted_here_and_shown_as_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 1000)
    result, [body] = run(monkeypatch, "plan", str(tmp_path / "book.txt"), "--recipe", "qlora")
    assert body["dataset"]["basis"] == "7,000 words of book.txt, not yet prepared; 5% of the trained tokens replayed"
    assert (body["recipe"]["name"], body["model"]) == ("qlora", "meta-llama/Llama-3.1-8B-Instruct")
    for text in ("18, 2 to warm up", "of 29.4 GiB", "weights", "[red]words", "not yet measured here"):
        assert text in result.stdout, result.stdout
    assert "warning: 18 updates teach little" in result.stderr


def test_an_uploaded_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    file = "file-" + "0" * 24
    result, [body] = run(monkeypatch, "plan", file, "--json")
    assert body["training_file"] == file
    assert json.loads(result.stdout) == make_estimate()


def test_what_does_not_fit_says_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = run(monkeypatch, "plan", "file-" + "0" * 24, body=make_estimate(free=9))
    assert "does not fit: These options under `training` make it fit: liger: true" in result.stderr


def test_a_run_shows_the_plan_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was.")
    result, [body] = run(monkeypatch, "run", str(tmp_path / "book.txt"), "--detach")
    assert result.stdout == "ftjob-1\n"
    assert body["dataset"]["basis"].endswith("words of book.txt, not yet prepared")
    assert result.stderr.startswith("plan: 18 updates (2 to warm up), about ")


def test_a_job_that_cannot_be_planned_is_started_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was.")
    error = {"error": {"code": "base_model_unusable", "message": "The base is not here."}}
    result, _ = run(monkeypatch, "run", str(tmp_path / "book.txt"), "--detach", body=error, status=409)
    assert (result.stdout, result.stderr) == ("ftjob-1\n", "plan: The base is not here.\n")


def test_a_plan_that_does_not_fit_keeps_the_book_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("It was.")
    with pytest.raises(MemoryLow, match="does not fit on the machine") as caught:
        run(monkeypatch, "run", str(book), "--detach", body=make_estimate(free=9))
    assert "liger: true" in str(caught.value.next_step)
    assert "--force sends it anyway" in str(caught.value.next_step)
    result, _ = run(monkeypatch, "run", str(book), "--detach", "--force", body=make_estimate(free=9))
    assert result.stdout == "ftjob-1\n"
    assert "does not fit: " in result.stderr


def test_a_validation_file_is_counted_here_or_named_by_its_id(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 2000)
    (tmp_path / "dev.txt").write_text("Rain fell, and nobody spoke. " * 400)
    book, dev, file = str(tmp_path / "book.txt"), str(tmp_path / "dev.txt"), "file-" + "0" * 24
    _, [body] = run(monkeypatch, "plan", book, "--validation-file", dev, "--recipe", "cpu")
    assert body["dataset"]["basis"] == "14,000 words of book.txt, dev: 2,000 words of dev.txt, not yet prepared"
    assert "validation_file" not in body
    _, [body] = run(monkeypatch, "plan", file, "--validation-file", file[:-1] + "1", "--recipe", "cpu")
    assert (body["training_file"], body["validation_file"]) == (file, file[:-1] + "1")
    for words in ([file, "--validation-file", dev], [book, "--validation-file", str(tmp_path / "lost.txt")]):
        with pytest.raises(InvalidValidationFile) as caught:
            run(monkeypatch, "plan", *words)
        assert caught.value.param == "--validation-file"


def test_a_run_sends_its_validation_file_and_plans_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 2000)
    (tmp_path / "dev.txt").write_text("Rain fell, and nobody spoke. " * 400)
    created: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/x/estimate":
            assert "2,000 words of dev.txt" in json.loads(request.content)["dataset"]["basis"]
            return httpx.Response(200, json=make_estimate())
        if request.url.path == "/v1/fine_tuning/jobs":
            created.append(json.loads(request.content))
            return httpx.Response(200, json={"id": "ftjob-1"})
        return httpx.Response(200, json={"id": "file-2" if b"dev.txt" in request.content else "file-1"})

    client = Client("http://api.test", httpx.MockTransport(answer))
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    words = ["run", str(tmp_path / "book.txt"), "--validation-file", str(tmp_path / "dev.txt"), "--detach"]
    result = CliRunner().invoke(main.app, words, catch_exceptions=False)
    assert result.stdout == "ftjob-1\n"
    assert (created[0]["training_file"], created[0]["validation_file"]) == ("file-1", "file-2")
