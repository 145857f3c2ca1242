"""From a job back to its request, and a request with other values."""

from pathlib import Path
from typing import Any

import pytest

from scriptorium.contracts import Decision, DecisionKind, Job, Option
from scriptorium.recipe import Recipe, load_recipe
from services.api.fine_tuning.clone_job import change_request, own_values, request_of
from services.api.fine_tuning.job_request import CreateJob

JOB = Job(
    id="ftjob-1", created_at=1, model="tiny", training_file="file-1", suffix="poe", seed=7, metadata={"a": "b"},
    priority=3, recipe=Recipe(name="r"), hyperparameters={"n_epochs": 2}, checkpoint=10, strength=0.5,
    integrations=[{"type": "wandb", "wandb": {"project": "p"}}], tags=["best"],
)  # fmt: skip


def test_every_field_that_a_request_sets_is_copied() -> None:
    request = request_of(JOB)
    assert set(request) <= set(CreateJob.model_fields)
    assert (request["seed"], request["strength"], request["hyperparameters"]["n_epochs"]) == (7, 0.5, 2)
    assert "tags" not in request


def test_what_became_of_a_job_is_no_part_of_its_request() -> None:
    options = [Option(name="first", meaning="the first")]
    decision = Decision(
        kind=DecisionKind.CHECKPOINT, question="?", reason=".", options=options, recommended="first", answer="first"
    )
    later = JOB.model_copy(update={"decisions": {decision.kind: decision}, "result_files": ["file-2"], "round": 2})
    assert request_of(later) == request_of(JOB)


def test_every_recipe_comes_back_as_it_was(project: Path) -> None:
    recipes = [load_recipe(path) for path in (project / "recipes").glob("*.yaml")]
    assert recipes
    assert [Recipe.model_validate(own_values(recipe)) for recipe in recipes] == recipes


def test_a_default_still_follows_from_a_changed_value() -> None:
    """`select: decision` asks about the checkpoint by default; a recipe in which that was written down keeps it."""
    stored = Recipe.model_validate(Recipe(name="r").model_dump())
    changed = Recipe.model_validate({**own_values(stored), "select": "decision"})
    assert changed.decisions.checkpoint == "ask"
    silent = Recipe.model_validate({"name": "r", "select": "decision", "decisions": {"checkpoint": "auto"}})
    assert Recipe.model_validate(own_values(silent)) == silent


@pytest.mark.parametrize(
    ("changes", "hyperparameters"),
    [
        ({}, {"n_epochs": 2}),
        ({"hyperparameters": {"batch_size": 4}}, {"batch_size": 4}),
        ({"method": {"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 4}}}}, None),
        ({"method": None}, {"n_epochs": 2}),
    ],
)
def test_hyperparameters_of_either_place_replace_those_of_the_job(
    changes: dict[str, Any], hyperparameters: dict[str, Any] | None
) -> None:
    request = {"model": "tiny", "hyperparameters": {"n_epochs": 2}}
    assert change_request(request, changes).get("hyperparameters") == hyperparameters
