"""Single values of a recipe, changed for one job."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import InvalidRecipe
from scriptorium.recipe import Recipe, find_recipe
from scriptorium.recipe_overrides import apply_overrides, parse_assignments


@pytest.fixture
def recipe(project: Path) -> Recipe:
    return find_recipe("cpu", project / "recipes")


def test_only_what_is_overridden_changes(recipe: Recipe) -> None:
    changed = apply_overrides(recipe, {"training": {"num_epochs": 5}, "data": {"chunking": {"maximum": 500}}})
    assert changed.training == recipe.training.model_copy(update={"num_epochs": 5})
    assert changed.data.chunking == recipe.data.chunking.model_copy(update={"maximum": 500})
    assert changed.data.split == recipe.data.split
    assert apply_overrides(recipe, {}) == recipe


def test_a_mix_is_replaced_and_not_added_to(recipe: Recipe) -> None:
    changed = apply_overrides(recipe, {"data": {"prompt": "mixed", "mix": {"continue": 1.0}}})
    assert changed.data.mix == {"continue": 1.0}


def test_the_recipe_is_checked_as_a_whole_and_every_problem_has_its_place(recipe: Recipe) -> None:
    overrides = {
        "training": {"num_epochs": 0, "colour": "blue"},
        "data": {"chunking": {"minimum": 900}},
        "select": "luck",
    }
    with pytest.raises(InvalidRecipe) as caught:
        apply_overrides(recipe, overrides)
    assert {problem.place for problem in caught.value.problems} == {
        "overrides.training.num_epochs",
        "overrides.training.colour",
        "overrides.data.chunking",
        "overrides.select",
    }


def test_a_refused_key_is_named_with_those_that_are_allowed(recipe: Recipe) -> None:
    with pytest.raises(InvalidRecipe, match=r"overrides\.name: cannot be overridden, only data, training, ") as caught:
        apply_overrides(recipe, {"name": "mine", "base_model": "x", "training": {"num_epochs": 5}})
    assert [problem.place for problem in caught.value.problems] == ["overrides.name", "overrides.base_model"]


def test_a_decision_about_the_checkpoint_asks_as_in_a_recipe(recipe: Recipe) -> None:
    assert apply_overrides(recipe, {"select": "decision"}).decisions.checkpoint == "ask"


def test_assignments_are_yaml_values_at_a_place(recipe: Recipe) -> None:
    overrides = parse_assignments(
        ["training.num_epochs=5", "training.learning_rate=2e-4", "select=voice", "export=[gguf-q8_0]"]
    )
    changed = apply_overrides(recipe, overrides)
    assert (changed.training.num_epochs, changed.training.learning_rate) == (5, 2e-4)
    assert (changed.select, changed.export) == ("voice", ["gguf-q8_0"])


@pytest.mark.parametrize(
    "assignments",
    [["training.num_epochs"], ["=5"], ["training.=5"], ["training=5", "training.lora_r=8"], ["select=[a"]],
)
def test_what_is_no_assignment_is_a_clear_error(assignments: list[str]) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        parse_assignments(assignments)
    assert [problem.place for problem in caught.value.problems] == assignments[-1:]


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x))))
def test_whatever_is_overridden_is_a_recipe_or_a_clear_error(overrides: dict[str, Any]) -> None:
    try:
        apply_overrides(Recipe(name="x"), overrides)
    except InvalidRecipe as error:
        assert error.problems
