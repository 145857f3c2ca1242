"""The change that another training needs, and a command that makes exactly this job again but for the change."""

import shlex
from typing import Any, get_args

import pytest

from scriptorium.contracts import Hyperparameters, Job
from scriptorium.contracts.report.voice import GateCode
from scriptorium.recipe import Recipe
from scriptorium.recipe_overrides import apply_overrides, parse_assignments
from services.evaluator.follow_up.next_training import BEHIND, CHANGES, name_changes, trained_recipe, write_command
from services.evaluator.follow_up.surprise import Surprise


def recipe(**training: Any) -> Recipe:
    return Recipe.model_validate({"name": "r", "training": training})


def make_job(recipe: Recipe, **fields: Any) -> Job:
    return Job(
        id="ftjob-1", created_at=0, model="tiny", training_file="f", recipe=recipe,
        **{"hyperparameters": Hyperparameters(), **fields},
    )  # fmt: skip


def test_every_gate_that_rejects_has_a_change() -> None:
    assert {*get_args(GateCode)} - {"measurable"} | {BEHIND} == CHANGES.keys()


@pytest.mark.parametrize(
    ("gate", "training", "changes"),
    [
        ("retention", {}, {"training.keep": 0.1}),
        ("retention", {"keep": 0}, {"training.keep": 0.05}),
        ("adherence", {"keep": 0.3}, {"training.keep": 0.5}),
        ("retention", {"keep": 0.5}, {}),
        ("retention", {"method": "dpo", "keep": 0}, {"training.beta": 0.2}),
        ("retention", {"method": "dpo", "beta": 1}, {}),
        ("coherence", {"method": "dpo", "learning_rate": "auto"}, {"training.learning_rate": 1e-5}),
        ("coherence", {}, {"training.learning_rate": 1e-4}),
        ("caricature", {"learning_rate": "auto"}, {"training.learning_rate": 1e-4}),
        ("memorisation", {}, {"training.num_epochs": 2}),
        ("memorisation", {"max_steps": 60}, {"training.max_steps": 40}),
        ("memorisation", {"num_epochs": 1}, {"training.learning_rate": 1e-4}),
        ("length", {}, {"data.chunking.minimum": 1050}),
    ],
)
def test_a_gate_has_its_change(gate: str, training: dict[str, Any], changes: dict[str, Any]) -> None:
    assert name_changes(Surprise((gate,), False, ""), recipe(**training)) == changes


def test_changes_of_several_causes_are_made_together() -> None:
    changes = name_changes(Surprise(("retention", "length"), True, ""), recipe())
    assert changes == {"training.keep": 0.1, "data.chunking.minimum": 1050, "calibration.briefs": 48}


def test_the_command_makes_the_same_job_but_for_the_change() -> None:
    original = recipe(num_epochs=3)
    changed = {"training": {"num_epochs": 5}, "data": {"mix": {"brief": 1.0}}, "evaluation": {"alike": ["a b"]}}
    job = make_job(
        apply_overrides(original, changed), suffix="poe",
        hyperparameters=Hyperparameters(learning_rate_multiplier=2), strength=0.5,
    )  # fmt: skip
    command = write_command(job, {"training.keep": 0.1}, book="a book.txt", impostors="o.zip", original=original)
    words = shlex.split(command)
    assert words[:13] == [
        "scriptorium", "run", "a book.txt", "--model", "tiny", "--recipe", "r", "--suffix", "poe", "--impostors",
        "o.zip", "--strength", "0.5",
    ]  # fmt: skip
    assert words[13::2] == ["--set"] * len(words[14::2])
    made = apply_overrides(original, parse_assignments(words[14::2]))
    wanted = trained_recipe(job)
    assert made == wanted.model_copy(update={"training": wanted.training.model_copy(update={"keep": 0.1})})


def test_the_same_validation_file_makes_the_next_job_comparable() -> None:
    command = write_command(
        make_job(recipe()), {"training.keep": 0.1}, book="b", impostors=None, original=None, validation="a dev.txt"
    )
    assert "--validation-file 'a dev.txt'" in command


def test_a_recipe_of_the_users_own_is_named_as_a_file() -> None:
    command = write_command(make_job(recipe()), {"training.keep": 0.1}, book="b", impostors=None, original=None)
    assert command == "scriptorium run b --model tiny --recipe r.yaml --set training.keep=0.1"
