"""The commands against the real API: what they send is understood, and what they print is true."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins import BASE

from scriptorium.artifacts.file_store import FileStore
from scriptorium.cli.client import Client
from scriptorium.cli.main import run
from scriptorium.jobs.runner import Context


@pytest.fixture(autouse=True)
def here(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder with a book, and a client of the API that is closed in the end."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "verne.txt").write_text("It was a dark and stormy night, and nobody spoke. " * 2000)
    client = Client(url)
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    yield
    client.close()


def output_of(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Return what a command prints that succeeds."""
    status = run(words)
    captured = capsys.readouterr()
    assert status == 0, captured.err
    return captured.out


def send(capsys: pytest.CaptureFixture[str]) -> str:
    """Send the book and return the job's id."""
    return output_of(capsys, "run", "verne.txt", "--model", BASE, "--recipe", "cpu", "--detach").strip()


def test_a_job_is_sent_listed_shown_and_steered_by_the_end_of_its_id(
    capsys: pytest.CaptureFixture[str], context: Context
) -> None:
    job_id = send(capsys)
    short = job_id[-6:]
    line = output_of(capsys, "jobs").splitlines()[1]
    assert line.startswith(job_id)
    assert line.split()[1:3] == ["verne", "verne.txt"]
    assert "cpu" in output_of(capsys, "show", short)
    assert output_of(capsys, "pause", short) == f"{job_id}: paused\n"
    assert "paused" in output_of(capsys, "jobs")
    assert output_of(capsys, "resume", short).startswith(f"{job_id}: ")
    assert output_of(capsys, "cancel", short) == f"{job_id}: cancelled\n"
    assert json.loads(output_of(capsys, "logs", short, "--json").splitlines()[0])["message"]
    assert run(["report", short]) == 5
    assert run(["cancel", short]) == 5
    assert run(["decide", short]) == 5
    capsys.readouterr()
    assert "freed" in output_of(capsys, "delete", short, "--manuscript")
    assert run(["show", short]) == 4
    assert FileStore(context.volume.files).newest() == []


def test_a_book_that_was_sent_is_listed_and_deleted(capsys: pytest.CaptureFixture[str], context: Context) -> None:
    send(capsys)
    [file] = json.loads(output_of(capsys, "files", "--json"))
    assert file["filename"] == "verne.txt"
    assert run(["files", "--delete", file["id"]]) == 5  # its job needs it
    assert "next step" in capsys.readouterr().err
    job_id = output_of(capsys, "jobs").splitlines()[1].split()[0]
    output_of(capsys, "cancel", job_id)
    assert "deleted" in output_of(capsys, "files", "--delete", file["id"][-6:])
    assert "(deleted)" in output_of(capsys, "jobs")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suffix", "  "], "needs a visible character"),
        (["--model", "nobody"], "nobody"),
        (["--recipe", "loar"], "did you mean lora?"),
        (["--set", "training.num_epoch=5"], "did you mean num_epochs?"),
        (["--set", "training.fsdp=true"], "several GPUs"),
    ],
)
def test_a_refused_job_is_refused_before_its_book_is_sent(
    capsys: pytest.CaptureFixture[str], context: Context, options: list[str], message: str
) -> None:
    model = [] if "--model" in options else ["--model", BASE]
    assert run(["run", "verne.txt", "--detach", *model, *options]) in (4, 5)
    text = capsys.readouterr().err
    assert message in text
    assert "next step: " in text
    assert FileStore(context.volume.files).newest() == []


def test_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert BASE in output_of(capsys, "models")


def test_a_job_is_tagged_found_cloned_and_its_space_shown(capsys: pytest.CaptureFixture[str], context: Context) -> None:
    job_id = send(capsys)
    assert output_of(capsys, "tag", job_id, "Entwurf", "best") == "Entwurf, best\n"
    assert output_of(capsys, "tag", job_id, "best", "--remove") == "Entwurf\n"
    clone_id = output_of(capsys, "clone", job_id[-6:], "--set", "training.num_epochs=5", "--suffix", "five").strip()
    rerun_id = output_of(capsys, "rerun", clone_id[-6:]).strip()
    assert context.store.jobs.get(rerun_id).recipe.training.num_epochs == 5
    assert clone_id in output_of(capsys, "show", rerun_id)
    lines = output_of(capsys, "search", "VERNE").splitlines()[1:]
    [file] = json.loads(output_of(capsys, "files", "--json"))
    assert [line.split()[0] for line in lines] == [rerun_id, clone_id, job_id, file["id"]]
    assert [line.split()[0] for line in output_of(capsys, "jobs", "--tag", "Entwurf").splitlines()[1:]] == [job_id]
    assert output_of(capsys, "search", "five", "entwurf") == "Nothing has: five entwurf\n"
    assert "used" in output_of(capsys, "disk-use")
