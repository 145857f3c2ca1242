"""`scriptorium jobs` has what a person knows a job by; `show` has everything."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from scriptorium.cli.jobs.listing import describe_progress
from scriptorium.cli.main import run
from tests.unit.scriptorium.cli.api_bodies import FILE, JOB, OTHER_JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

TRAINING = make_job(progress={"step": 12.0, "total_steps": 54.0, "train_loss": 2.345})
ENDED = {
    **make_job(OTHER_JOB, "failed", pages={"samples": f"/jobs/{OTHER_JOB}/samples"}),
    "finished_at": 1_700_003_600, "user_provided_suffix": "my-voice", "training_file": f"file-{'4' * 24}",
    "error": {"code": "out_of_memory", "message": "Too big.", "next_step": "Lower sequence_len."},
}  # fmt: skip
CHECKPOINT = {
    "step_number": 15, "fine_tuned_model_checkpoint": f"ft:tiny:{'x' * 60}:ckpt-step-15",
    "metrics": {"train_loss": 2.0, "valid_loss": None},
}  # fmt: skip


@pytest.fixture
def api(use_api: UseApi) -> None:
    """Let the commands speak to an API with two jobs; the book of one was deleted."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1")
        answers: dict[str, Any] = {
            "/fine_tuning/jobs": page(TRAINING, ENDED),
            f"/fine_tuning/jobs/{OTHER_JOB}": ENDED,
            f"/fine_tuning/jobs/{OTHER_JOB}/checkpoints": {**page(), "data": [CHECKPOINT]},
            f"/files/{FILE}": {"id": FILE, "filename": "tarzan.txt"},
        }
        error = {"error": {"code": "file_not_found", "message": "no such file"}}
        return httpx.Response(200, json=answers[path]) if path in answers else httpx.Response(404, json=error)

    use_api(answer)


def test_a_job_is_listed_with_title_book_date_and_progress(api: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["jobs"]) == 0
    head, training, ended = capsys.readouterr().out.splitlines()
    assert head.split() == ["job", "title", "book", "created", "status", "progress"]
    assert training.startswith(JOB)
    for text in (" tarzan ", " tarzan.txt ", "2023-11-1", "step 12 of 54, loss 2.35"):
        assert text in training
    for text in (OTHER_JOB, "my-voice", "(deleted)", "failed", "took 60 min"):
        assert text in ended


def test_list_is_another_name(api: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--json"]) == 0
    assert [job["id"] for job in json.loads(capsys.readouterr().out)] == [JOB, OTHER_JOB]


def test_one_job_is_shown_with_its_checkpoints_and_its_error(api: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "2"]) == 0
    text = capsys.readouterr().out
    for part in ("Too big. (out_of_memory)", "Lower sequence_len.", f"http://api.test/jobs/{OTHER_JOB}/samples",
                 CHECKPOINT["fine_tuned_model_checkpoint"], "3 epochs of 8 rows"):  # fmt: skip
        assert str(part) in text
    assert run(["show", "2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoints"] == [CHECKPOINT]


def test_who_waits_for_a_device_has_a_place() -> None:
    assert describe_progress(make_job(queue_position=2)) == "place 2 in the queue for a device"
    assert describe_progress(make_job(phase="merge")) == "merge"
