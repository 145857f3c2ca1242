"""Our objects on the API are what the types of the openai client expect."""

import pytest
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from scriptorium.contracts import (
    Checkpoint,
    Decision,
    DecisionKind,
    Event,
    EventType,
    Hyperparameters,
    Integration,
    Job,
    JobError,
    Option,
    Status,
    StoredFile,
)
from scriptorium.recipe import Recipe, Training
from services.api.files.openai_file import render_file
from services.api.fine_tuning.jobs import metadata_filter
from services.api.fine_tuning.openai_job import render_checkpoint, render_event, render_job

TRAINING = Training(num_epochs=3, micro_batch_size=2, gradient_accumulation_steps=4)


def make_job(job_id: str = "ftjob-1", **changes: object) -> Job:
    job = Job(
        id=job_id,
        created_at=1,
        model="tiny",
        training_file="file-1",
        recipe=Recipe(name="r", training=TRAINING),
        hyperparameters=Hyperparameters(),
    )
    return job.model_copy(update=changes)


@pytest.mark.parametrize("status", list(Status))
def test_a_job_fits_the_clients_type(status: Status) -> None:
    error = JobError(code="training_failed", message="x") if status is Status.FAILED else None
    rendered = render_job(make_job(status=status, error=error), {"step": 1.0}, None)
    if status is not Status.PAUSED:  # the hosted API has it, the client's type does not
        FineTuningJob.model_validate(rendered, strict=False)
    assert rendered["status"] == status
    assert rendered["fine_tuned_model"] is None


def test_auto_is_replaced_by_what_training_uses() -> None:
    assert render_job(make_job(), {}, None)["hyperparameters"] == {
        "n_epochs": 3,
        "batch_size": 8,
        "learning_rate_multiplier": 1.0,
    }
    hyperparameters = Hyperparameters(n_epochs=5, batch_size=16, learning_rate_multiplier=0.3)
    assert (
        render_job(make_job(hyperparameters=hyperparameters), {}, None)["hyperparameters"]
        == hyperparameters.model_dump()
    )


def test_auto_is_the_plans_once_training_has_one() -> None:
    training = TRAINING.model_copy(update={"num_epochs": "auto", "gradient_accumulation_steps": "auto"})
    job = make_job(recipe=Recipe(name="r", training=training))
    plan = {"planned_epochs": 4.0, "planned_batch_size": 6.0}
    before, after = (render_job(job, progress, None)["hyperparameters"] for progress in ({}, plan))
    assert (before["n_epochs"], before["batch_size"]) == ("auto", "auto")
    assert (after["n_epochs"], after["batch_size"]) == (4, 6)
    assert render_job(make_job(), plan, None)["hyperparameters"]["batch_size"] == 8  # the recipe's own number


def test_an_integration_comes_back_as_it_was_requested() -> None:
    integration = {"type": "wandb", "wandb": {"project": "novel", "name": None, "entity": None, "tags": ["a"]}}
    rendered = render_job(make_job(integrations=[Integration.model_validate(integration)]), {}, None)
    assert rendered["integrations"] == [integration]
    (parsed,) = FineTuningJob.model_validate(rendered).integrations or ()
    assert (parsed.type, parsed.wandb.project, parsed.wandb.tags) == ("wandb", "novel", ["a"])


def test_extensions_stand_under_a_key_of_their_own() -> None:
    rendered = render_job(make_job(), {"step": 1.0}, 2)["scriptorium"]
    assert (rendered["phase"], rendered["recipe"], rendered["progress"], rendered["queue_position"]) == (
        "prepare",
        "r",
        {"step": 1.0},
        2,
    )


def test_a_job_paused_by_its_user_is_told_apart_from_one_that_asks() -> None:
    question = Decision(
        kind=DecisionKind.CHECKPOINT, question="Which?", reason="A tie.", recommended="a",
        options=[Option(name="a", meaning="the first")],
    )  # fmt: skip
    asking = make_job(status=Status.PAUSED, decisions={question.kind: question})
    assert render_job(asking, {}, None)["scriptorium"]["decision"] == "checkpoint"
    answered = question.model_copy(update={"answer": "a"})
    paused = make_job(status=Status.PAUSED, pause_requested=True, decisions={question.kind: answered}, priority=2)
    extension = render_job(paused, {}, None)["scriptorium"]
    assert (extension["decision"], extension["pause_requested"], extension["priority"]) == (None, True, 2)
    cancelled = asking.model_copy(update={"status": Status.CANCELLED})
    assert render_job(cancelled, {}, None)["scriptorium"]["decision"] is None


def test_files_events_and_checkpoints_fit_the_clients_types() -> None:
    stored = StoredFile(id="file-1", bytes=1, created_at=1, filename="a", purpose="fine-tune-results", sha256="00")
    assert FileObject.model_validate(render_file(stored)).status == "processed"
    metrics = Event(id="ftevent-1-0", created_at=1, type=EventType.METRICS, message="x", data={"step": 1})
    for event in (metrics, Event(id="ftevent-2-0", created_at=1, message="x")):
        FineTuningJobEvent.model_validate(render_event(event))
    checkpoint = render_checkpoint(make_job("ftjob-ab", suffix="poe"), Checkpoint(step=5, created_at=1, dev_loss=2.0))
    parsed = FineTuningJobCheckpoint.model_validate(checkpoint)
    assert (parsed.id, parsed.fine_tuned_model_checkpoint) == (
        "ftckpt_ab_5",
        "ft:tiny:scriptorium:poe:ab:ckpt-step-5",
    )


def test_a_filter_takes_metadata_only() -> None:
    query = {"metadata[a]": "1", "metadata[b[c]]": "2", "limit": "3", "metadata": "4", "metadata[": "5"}
    assert metadata_filter(query) == {"a": "1", "b[c]": "2"}
