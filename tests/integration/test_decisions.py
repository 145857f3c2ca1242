"""A phase that asks a person: the job pauses, survives, is answered over HTTP, and continues."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from standins import BASE, Sent
from work import never

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import (
    Decision,
    DecisionKind,
    Hyperparameters,
    Job,
    Option,
    Phase,
    PrepareRequest,
    PrepareResult,
    Status,
)
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.jobs.queue import PREPARE, TRAIN
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.reporter import ConsoleReporter, Reporter, SilentReporter
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.recipe import Decisions, Recipe
from scriptorium.store.leases import phase_lease
from services.api.application import create_app

QUESTION = Decision(
    kind=DecisionKind.DATA_QUALITY,
    question="Train on this text?",
    reason="Two passages look alike.",
    options=[Option(name="go_on", meaning="train on it"), Option(name="stop", meaning="fail the job")],
    recommended="go_on",
)
DONE = PrepareResult(words=1, chapters=1, splits={})


def submit(context: Context, **policy: str) -> Job:
    file = FileStore(context.volume.files).add(io.BytesIO(b"Once upon a time."), "book.txt", "fine-tune")
    recipe = Recipe(name="r", decisions=Decisions.model_validate(policy))
    job = Job(id="ftjob-1", created_at=int(time.time()), model=BASE, training_file=file.id, recipe=recipe,
              hyperparameters=Hyperparameters())  # fmt: skip
    return context.pipeline.submit(job)


def asking(answers: list[str]) -> object:
    """Return work that asks once and records the answer."""

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        answers.append(reporter.ask(QUESTION))
        (folder / "train.jsonl").write_text("{}\n")
        return DONE

    return work


def ask(context: Context, answers: list[str] | None = None) -> None:
    run_phase("ftjob-1", Phase.PREPARE, asking(answers if answers is not None else []), context=context)  # type: ignore[arg-type]


def test_a_job_that_asks_pauses_and_is_not_sent_again(context: Context, sent: Sent) -> None:
    submit(context)
    ask(context)
    job = context.store.jobs.get("ftjob-1")
    assert (job.status, job.phase) == (Status.PAUSED, Phase.PREPARE)
    assert context.store.leases.holder(phase_lease(job.id, Phase.PREPARE)) is None
    assert reap(context, lambda task: 0) == []
    assert sent.messages == [(PREPARE, job.id)]
    messages = [event.message for event in context.store.events.page(job.id, 10)][::-1]
    assert "[DECISION] Train on this text? Two passages look alike." in messages
    assert "[DECISION] scriptorium decide ftjob-1 go_on: train on it (recommended)" in messages


def test_an_answer_sends_the_phase_again_and_costs_no_attempt(context: Context, sent: Sent) -> None:
    submit(context)
    answers: list[str] = []
    ask(context, answers)
    context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "stop")
    assert context.store.jobs.get("ftjob-1").status is Status.VALIDATING
    ask(context, answers)
    job = context.store.jobs.get("ftjob-1")
    assert answers == ["stop"]
    assert (job.phase, job.attempts[Phase.PREPARE], job.excused[Phase.PREPARE]) == (Phase.TRAIN, 2, 1)
    assert job.decisions[DecisionKind.DATA_QUALITY].answered_by == "person"
    assert sent.messages == [(PREPARE, job.id), (PREPARE, job.id), (TRAIN, job.id)]


def test_a_second_delivery_neither_works_nor_asks_again_and_the_answer_is_taken(context: Context) -> None:
    submit(context)
    ask(context)
    before = context.store.jobs.get("ftjob-1")
    assert claim(context, "ftjob-1", Phase.PREPARE) is None
    run_phase("ftjob-1", Phase.PREPARE, never, context=context)
    assert context.store.jobs.get("ftjob-1") == before
    context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")
    assert claim(context, "ftjob-1", Phase.PREPARE) is not None


def test_a_recipe_may_take_the_recommended_answer_automatically(context: Context) -> None:
    submit(context, data_quality="auto")
    answers: list[str] = []
    ask(context, answers)
    assert answers == ["go_on"]
    job = context.store.jobs.get("ftjob-1")
    assert job.phase is Phase.TRAIN
    decision = job.decisions[DecisionKind.DATA_QUALITY]
    assert (decision.answer, decision.answered_by) == ("go_on", "policy")
    assert "excused" not in job.model_dump(exclude_defaults=True)


def test_a_question_survives_the_loss_of_redis(context: Context) -> None:
    submit(context)
    ask(context)
    context.store.client.flushdb()
    restore_jobs(context)
    job = context.store.jobs.get("ftjob-1")
    assert job.status is Status.PAUSED
    context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")


def test_a_stale_attempt_asks_nothing(context: Context) -> None:
    submit(context)

    def overtaken(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        job = context.store.jobs.get("ftjob-1")
        context.store.jobs.update("ftjob-1", lambda job: job.model_copy(update={"attempts": {Phase.PREPARE: 9}}))
        assert job.attempts[Phase.PREPARE] == 1
        reporter.ask(QUESTION)
        return DONE

    run_phase("ftjob-1", Phase.PREPARE, overtaken, context=context)
    job = context.store.jobs.get("ftjob-1")
    assert job.status is not Status.PAUSED
    assert job.decisions == {}


def test_only_an_open_question_can_be_answered_and_only_with_an_option(context: Context) -> None:
    submit(context)
    with pytest.raises(Conflict):
        context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")
    ask(context)
    with pytest.raises(InvalidRequest) as refused:
        context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "perhaps")
    assert refused.value.next_step == "One of: go_on, stop."
    context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "go_on")
    with pytest.raises(Conflict):
        context.pipeline.answer("ftjob-1", DecisionKind.DATA_QUALITY, "stop")


def test_a_paused_job_can_be_cancelled(context: Context) -> None:
    submit(context)
    ask(context)
    client = TestClient(create_app(context, reaping=False))
    assert client.post("/v1/fine_tuning/jobs/ftjob-1/cancel").json()["status"] == "cancelled"


def test_questions_are_shown_and_answered_over_http(context: Context) -> None:
    submit(context)
    ask(context)
    client = TestClient(create_app(context, reaping=False))
    assert client.get("/v1/fine_tuning/jobs/ftjob-1").json()["scriptorium"]["decision"] == "data_quality"
    (question,) = client.get("/v1/x/jobs/ftjob-1/decisions").json()["data"]
    assert (question["question"], question["recommended"], question["answer"]) == ("Train on this text?", "go_on", None)
    path = "/v1/x/jobs/ftjob-1/decisions"
    assert client.post(f"{path}/weather", json={"answer": "go_on"}).json()["error"]["code"] == "invalid_request"
    assert client.post(f"{path}/data_quality", json={"answer": "perhaps"}).status_code == 400
    assert client.post(f"{path}/data_quality", json={"answer": "go_on"}).json()["status"] == "validating_files"
    assert client.post(f"{path}/data_quality", json={"answer": "go_on"}).status_code == 409


def test_every_kind_of_question_has_a_policy() -> None:
    assert set(Decisions.model_fields) - {"tolerated_share"} == set(DecisionKind)


def test_by_hand_the_work_continues(capsys: pytest.CaptureFixture[str]) -> None:
    decision = QUESTION.model_copy(update={"recommended": "stop"})
    assert SilentReporter().ask(decision) == ConsoleReporter().ask(decision) == "go_on"
    assert "Recommended: stop. Continuing: train on it." in capsys.readouterr().err


def test_a_decision_recommends_one_of_its_options() -> None:
    with pytest.raises(ValueError, match="not among the options"):
        Decision.model_validate({**QUESTION.model_dump(), "recommended": "dance"})
