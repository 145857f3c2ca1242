"""Single values of a recipe, changed for one job: `overrides` on the API, `--set KEY=VALUE` on the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from scriptorium.errors import InvalidRecipe, Problem, list_problems
from scriptorium.patterns import explain_unknown_keys, suggest
from scriptorium.recipe import Recipe
from scriptorium.yaml_text import BrokenYaml, parse_yaml

OVERRIDABLE_SECTIONS = ("data", "training", "export", "select", "strength", "decisions", "calibration", "evaluation")
PLACE = "overrides"


def apply_overrides(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Return the recipe with other values, e.g. {"training": {"num_epochs": 5}}, checked as a whole.

    Sections are merged key by key; anything else, such as `data.mix`, is replaced. Raises InvalidRecipe with every
    problem at its place.
    """
    refused = [name for name in overrides if name not in OVERRIDABLE_SECTIONS]
    if refused:
        allowed = ", ".join(OVERRIDABLE_SECTIONS)
        problems = [
            Problem(f"{PLACE}.{name}", f"cannot be overridden, only {allowed} can{suggest(name, OVERRIDABLE_SECTIONS)}")
            for name in refused
        ]
        raise InvalidRecipe(
            f"{len(refused)} key(s) cannot be overridden.", problems=problems, next_step=f"Override only: {allowed}."
        )
    try:
        return Recipe.model_validate(merge(recipe, overrides))
    except ValidationError as error:
        problems = list_problems(explain_unknown_keys(error.errors(), Recipe), recipe.name)
        raise InvalidRecipe(
            f"The recipe {recipe.name} with these overrides has {len(problems)} problem(s).",
            problems=[Problem(f"{PLACE}.{problem.place}", problem.message) for problem in problems],
        ) from None


def merge(section: BaseModel, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section's own values with the changes; what is left out keeps its default, and unknown keys stay."""
    values: dict[str, Any] = section.model_dump(exclude_unset=True)
    for name, value in changes.items():
        current = getattr(section, name, None)
        if isinstance(current, BaseModel) and isinstance(value, Mapping):
            values[name] = merge(current, value)
        else:
            values[name] = value
    return values


def parse_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Return overrides from "training.num_epochs=5" and the like; values are YAML. Raises InvalidRecipe."""
    overrides: dict[str, Any] = {}
    problems = []
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        *sections, name = key.strip().split(".")
        try:
            value = parse_yaml(text)
        except BrokenYaml as error:
            problems.append(Problem(assignment, f"the value is not valid YAML: {str(error).splitlines()[0]}"))
            continue
        target: Any = overrides
        for section in sections:
            target = target.setdefault(section, {}) if isinstance(target, dict) else None
        if not equals or not name or not isinstance(target, dict):
            problems.append(Problem(assignment, "must be KEY=VALUE, and no key may lie inside another's value"))
            continue
        target[name] = value
    if problems:
        raise InvalidRecipe(
            "Some values cannot be set.", problems=problems, next_step="Write them as --set training.num_epochs=5."
        )
    return overrides
