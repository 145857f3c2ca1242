"""`scriptorium pause` and `resume` call the API, and `jobs` tells a paused job from one that asks."""

from typing import Any

import pytest
from typer.testing import CliRunner

from scriptorium.cli import main
from tests.unit.scriptorium.cli.api_bodies import JOB, OTHER_JOB, make_job


class SteeringClient:
    """Answers as the API does for a job whose worker has not stopped yet."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.listed: list[dict[str, Any]] = []

    def pause(self, job_id: str) -> dict[str, Any]:
        self.calls.append(("pause", job_id))
        return make_job(job_id, "running", pause_requested=True)

    def resume(self, job_id: str) -> dict[str, Any]:
        self.calls.append(("resume", job_id))
        return make_job(job_id, "queued")

    def file(self, file_id: str) -> dict[str, Any]:
        return {"id": file_id, "filename": "book.txt"}

    def jobs(self, limit: int, tags: object) -> list[dict[str, Any]]:
        return self.listed


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> SteeringClient:
    client = SteeringClient()
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    return client


def output_of(*arguments: str) -> str:
    return CliRunner().invoke(main.app, list(arguments)).output


def test_pausing_and_resuming(client: SteeringClient) -> None:
    assert output_of("pause", JOB) == f"{JOB}: running, pausing\n"
    assert output_of("resume", JOB) == f"{JOB}: queued\n"
    assert '"pause_requested": true' in output_of("pause", JOB, "--json")
    assert client.calls == [("pause", JOB), ("resume", JOB), ("pause", JOB)]


def test_a_paused_job_is_listed_apart_from_one_that_asks(client: SteeringClient) -> None:
    client.listed = [
        make_job(JOB, "paused", decision="checkpoint"),
        make_job(OTHER_JOB, "paused", pause_requested=True),
    ]
    asking, paused = output_of("jobs").splitlines()[1:]
    assert "paused, asks: checkpoint" in asking
    assert paused.split()[0] == OTHER_JOB
    assert "asks" not in paused


def test_priorities_are_listed_if_any_job_has_one(client: SteeringClient) -> None:
    client.listed = [make_job(JOB, "queued"), make_job(OTHER_JOB, "queued")]
    assert "priority" not in output_of("jobs")
    client.listed[1]["scriptorium"]["priority"] = -2
    title, without, urgent = output_of("jobs").splitlines()
    assert "priority" in title
    assert without.split()[-2:] == ["queued", "train"]
    assert urgent.split()[-3:] == ["queued", "train", "-2"]
