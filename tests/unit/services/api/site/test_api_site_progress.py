"""A job's progress in words, in every state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Decision, DecisionKind, Hyperparameters, Job, Option, Phase, Status
from scriptorium.recipe import Recipe
from services.api.site.jobs.progress import describe_job, find_name, list_phases

QUESTION = Decision(
    kind=DecisionKind.VERDICT, question="q", reason="r", options=[Option(name="a", meaning="b")], recommended="a"
)
ANSWERED = QUESTION.model_copy(update={"answer": "a", "answered_by": "person"})
HALF = {"step": 45.0, "total_steps": 90.0, "eta_seconds": 300.0}


def make_job(**values: Any) -> Job:
    """Return a job."""
    return Job(
        id="ftjob-1", created_at=100, model="tiny", training_file="file-1", recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(), **values,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, "Reading the book"),
        ({"status": Status.QUEUED, "phase": Phase.TRAIN}, "Waiting for its turn"),
        ({"status": Status.RUNNING, "phase": Phase.EVALUATE}, "Measuring the voice"),
        ({"status": Status.PAUSED}, "Paused"),
        ({"status": Status.PAUSED, "decisions": {"verdict": QUESTION}}, "Waiting for your answer"),
        ({"status": Status.PAUSED, "decisions": {"verdict": ANSWERED}}, "Paused"),
        ({"status": Status.RUNNING, "phase": Phase.TRAIN, "pause_requested": True}, "Pausing"),
        ({"status": Status.RUNNING, "phase": Phase.TRAIN, "cancel_requested": True}, "Stopping"),
        ({"status": Status.CANCELLED, "cancel_requested": True}, "Cancelled"),
        ({"status": Status.FAILED}, "Failed"),
        ({"status": Status.SUCCEEDED, "phase": Phase.EVALUATE}, "Done"),
    ],
)
def test_every_state_has_a_name(values: dict[str, Any], state: str) -> None:
    assert describe_job(make_job(**values), "Book", "book.txt", {}, None).state == state


def test_a_training_says_how_far_it_is_and_how_long_it_has_left() -> None:
    line = describe_job(make_job(status=Status.RUNNING, phase=Phase.TRAIN), "Book", "book.txt", HALF, None)
    assert line.detail == "step 45 of 90, about 5 minutes left"
    assert line.share == 1.5 / 6
    paused = describe_job(make_job(status=Status.PAUSED, phase=Phase.TRAIN), "Book", "book.txt", HALF, None)
    assert paused.detail == "step 45 of 90"  # nobody knows how long the pause lasts


def test_a_queued_job_has_a_place_and_an_ended_one_a_duration() -> None:
    queued = describe_job(make_job(status=Status.QUEUED, phase=Phase.TRAIN), "Book", "book.txt", HALF, 2)
    assert queued.detail == "place 2 in the queue"
    ended = describe_job(make_job(status=Status.FAILED, finished_at=1300), "Book", "book.txt", {}, None)
    assert (ended.detail, ended.share) == ("after 20 minutes", None)


@pytest.mark.parametrize(
    ("suffix", "book", "title"), [("Poe", "a.txt", "Poe"), (None, "my_book.txt", "My book"), (None, "README", "README")]
)
def test_a_title_is_the_owners_or_the_books(suffix: str | None, book: str, title: str, tmp_path: Path) -> None:
    assert find_name(make_job(suffix=suffix), book, Volume(tmp_path)) == title


def test_phases_before_the_present_one_are_done() -> None:
    numbers = {"phase_seconds/prepare": 4.0}
    states = [phase.state for phase in list_phases(make_job(status=Status.RUNNING, phase=Phase.CALIBRATE), numbers)]
    assert states == ["done", "done", "now", "to come", "to come", "to come"]
    failed = list_phases(make_job(status=Status.FAILED, phase=Phase.TRAIN), numbers)
    assert [phase.state for phase in failed][:3] == ["done", "stopped", "to come"]
    assert failed[0].seconds == 4.0
    succeeded = list_phases(make_job(status=Status.SUCCEEDED, phase=Phase.EVALUATE), {})
    assert {phase.state for phase in succeeded} == {"done"}
