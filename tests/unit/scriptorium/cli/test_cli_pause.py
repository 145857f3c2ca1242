"""`scriptorium pause` and `resume` call the API, and `jobs` tells a paused job from one that asks."""

from typing import Any

import pytest
from typer.testing import CliRunner

from scriptorium.cli import jobs, main


def make_job(job_id: str, status: str, **extension: Any) -> dict[str, Any]:
    return {"id": job_id, "status": status, "model": "tiny", "fine_tuned_model": None,
            "scriptorium": {"decision": None, "pause_requested": False, "priority": 0, **extension}}  # fmt: skip


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

    def jobs(self, limit: int) -> list[dict[str, Any]]:
        return self.listed


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> SteeringClient:
    client = SteeringClient()
    monkeypatch.setattr(jobs, "connect", lambda: client)
    return client


def output_of(*arguments: str) -> str:
    return CliRunner().invoke(main.app, list(arguments)).output


def test_pausing_and_resuming(client: SteeringClient) -> None:
    assert output_of("pause", "ftjob-1") == "ftjob-1: running, pausing\n"
    assert output_of("resume", "ftjob-1") == "ftjob-1: queued\n"
    assert '"pause_requested": true' in output_of("pause", "ftjob-1", "--json")
    assert client.calls == [("pause", "ftjob-1"), ("resume", "ftjob-1"), ("pause", "ftjob-1")]


def test_a_paused_job_is_listed_apart_from_one_that_asks(client: SteeringClient) -> None:
    client.listed = [
        make_job("ftjob-1", "paused", decision="checkpoint"),
        make_job("ftjob-2", "paused", pause_requested=True),
    ]
    asking, paused = output_of("jobs").splitlines()[1:]
    assert "paused, asks: checkpoint" in asking
    assert paused.split() == ["ftjob-2", "paused", "tiny"]


def test_priorities_are_listed_if_any_job_has_one(client: SteeringClient) -> None:
    client.listed = [make_job("ftjob-1", "queued"), make_job("ftjob-2", "queued")]
    assert "priority" not in output_of("jobs")
    client.listed[1]["scriptorium"]["priority"] = -2
    title, without, urgent = output_of("jobs").splitlines()
    assert "priority" in title
    assert (without.split(), urgent.split()) == (["ftjob-1", "queued", "tiny"], ["ftjob-2", "queued", "-2", "tiny"])
