"""What the owner of a book may choose: a base model and a recipe."""

from __future__ import annotations

from dataclasses import dataclass

from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.runner import Context
from scriptorium.models.base_models import local_models
from scriptorium.recipe import load_recipe
from services.api.fine_tuning.job_request import check_runs_in_queue, default_recipe


@dataclass(frozen=True)
class RecipeChoice:
    """A recipe that a job may name, and what it is for."""

    name: str
    description: str


@dataclass(frozen=True)
class Choices:
    """The base models and recipes to choose from, each with the one that is proposed."""

    models: list[str]
    model: str
    recipes: list[RecipeChoice]
    recipe: str


def list_choices(context: Context) -> Choices:
    """Return what may be chosen; the default base is proposed, or without a GPU the first one on the volume."""
    bases, default = local_models(context.volume.models), context.settings.default_model
    named = "default_model" in context.settings.model_fields_set
    model = default if context.settings.gpu or named or not bases else bases[0]
    return Choices(list(dict.fromkeys([model, *bases, default])), model, list_recipes(context), default_recipe(context))


def list_recipes(context: Context) -> list[RecipeChoice]:
    """Return the recipes that the queue can run."""
    recipes = []
    for path in sorted(context.settings.recipes_dir.glob("*.yaml")):
        try:
            recipes.append(RecipeChoice(path.stem, check_runs_in_queue(load_recipe(path)).description))
        except (InvalidRecipe, ValueError):  # broken, or for several GPUs
            continue
    return recipes
