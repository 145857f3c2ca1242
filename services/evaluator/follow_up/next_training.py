"""What to change in another training after a surprise: a table from cause to change, and the command that does it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from scriptorium.contracts import Job
from scriptorium.jobs.requests import apply_hyperparameters
from scriptorium.recipe import Recipe
from scriptorium.recipe_overrides import OVERRIDABLE_SECTIONS
from services.evaluator.follow_up.surprise import Surprise

Changes = dict[str, Any]  # by key, such as "training.keep"
Change = Callable[[Recipe], Changes]

BEHIND = "behind"
MIN_KEEP, MAX_KEEP = 0.05, 0.5  # share of the trained tokens
MAX_BRIEFS = 96
MAX_BETA = 1.0  # above it hardly anything is learned
AUTO_EPOCHS = 3


def name_changes(surprise: Surprise, recipe: Recipe) -> Changes:
    """Return the values to change, by key; none if the recipe is at the end of what the table knows."""
    causes = [*surprise.gates, *([BEHIND] if surprise.behind else [])]
    changes: Changes = {}
    for cause in causes:
        changes |= CHANGES[cause](recipe)
    return changes


def train_gentler(recipe: Recipe) -> Changes:
    """Halve the learning rate: the text has left what the base can write."""
    return {"training.learning_rate": float(f"{recipe.training.nominal_rate / 2:.3g}")}


def train_less(recipe: Recipe) -> Changes:
    """Go through the text a third less often: it was learned by heart."""
    training = recipe.training
    if training.max_steps and training.max_steps > 1:
        return {"training.max_steps": max(1, round(training.max_steps * 2 / 3))}
    epochs = AUTO_EPOCHS if training.num_epochs == "auto" else training.num_epochs
    return {"training.num_epochs": max(1, round(epochs * 2 / 3))} if epochs > 1 else train_gentler(recipe)


def replay_more(recipe: Recipe) -> Changes:
    """Replay twice as many of the base's own answers: what it could do is being lost. Preferences hold on by beta."""
    if recipe.training.method == "dpo":
        beta = min(MAX_BETA, 2 * recipe.training.beta)
        return {"training.beta": beta} if beta > recipe.training.beta else {}
    keep = min(MAX_KEEP, max(MIN_KEEP, 2 * recipe.training.keep))
    return {"training.keep": keep} if keep > recipe.training.keep else {}


def train_on_longer(recipe: Recipe) -> Changes:
    """Train on longer passages: the model has learned to stop early."""
    chunking = recipe.data.chunking
    minimum = min(chunking.maximum, round(chunking.minimum * 1.5))
    return {"data.chunking.minimum": minimum} if minimum > chunking.minimum else {}


def try_on_more(recipe: Recipe) -> Changes:
    """Try on twice as many dev briefs: the choice was made by chance."""
    briefs = min(MAX_BRIEFS, 2 * recipe.calibration.briefs)
    return {"calibration.briefs": briefs} if briefs > recipe.calibration.briefs else {}


CHANGES: dict[str, Change] = {
    "retention": replay_more,
    "adherence": replay_more,
    "memorisation": train_less,
    "degeneration": train_gentler,
    "coherence": train_gentler,
    "caricature": train_gentler,
    "length": train_on_longer,
    BEHIND: try_on_more,
}


def trained_recipe(job: Job) -> Recipe:
    """Return the job's recipe with its own hyperparameters laid over it."""
    training = apply_hyperparameters(job.recipe.training, job.hyperparameters)
    return job.recipe.model_copy(update={"training": training})


def write_command(
    job: Job,
    changes: Mapping[str, Any],
    *,
    book: str,
    impostors: str | None,
    original: Recipe | None,
    validation: str | None = None,
) -> str:
    """Write the command of a new job like this one, but with the changes.

    `book`, `impostors` and `validation` are the names of the uploaded files. `original` is the recipe of that name on
    the server; without one the job's was a file of its user's.
    """
    recipe = trained_recipe(job)
    differences = dict(list_differences(original, recipe)) if original else {}
    options = {
        "--model": job.model,
        "--recipe": recipe.name if original else f"{recipe.name}.yaml",
        "--suffix": job.suffix,
        "--validation-file": validation,
        "--impostors": impostors,
        "--strength": None if job.strength is None else f"{job.strength:g}",
    }
    words = ["scriptorium", "run", book]
    for option, value in options.items():
        words += [option, value] if value else []
    for key, value in {**differences, **changes}.items():
        words += ["--set", f"{key}={json.dumps(value)}"]
    return shlex.join(words)


def list_differences(one: BaseModel, other: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values in which a recipe differs from another, by key, as JSON has them."""
    for name in OVERRIDABLE_SECTIONS if isinstance(one, Recipe) else type(one).model_fields:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, BaseModel):
            yield from list_differences(mine, theirs, f"{prefix}{name}.")
        elif mine != theirs:
            yield f"{prefix}{name}", theirs
