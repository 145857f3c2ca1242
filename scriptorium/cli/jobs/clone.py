"""`scriptorium rerun` and `clone`: the request of a job again, as it was or with other values, as a new job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scriptorium.cli import by_hand
from scriptorium.cli.app import Assignments, Json, Model, RecipeName, Strength, app
from scriptorium.cli.jobs.ids import JobId, open_job
from scriptorium.cli.terminal import show
from scriptorium.recipe_overrides import parse_assignments
from scriptorium.settings import get_settings


@app.command(epilog="Example: scriptorium rerun 1a2b", rich_help_panel="Jobs")
def rerun(job_id: JobId, as_json: Json = False) -> None:
    """Send a job's request again, as a new job, and print its id."""
    client, job_id = open_job(job_id)
    job = client.rerun(job_id)
    show(job, as_json, job["id"])


@app.command(epilog="Example: scriptorium clone 1a2b --set training.num_epochs=5", rich_help_panel="Jobs")
def clone(
    job_id: JobId,
    assignments: Assignments = None,
    model: Model = None,
    recipe: RecipeName = None,
    suffix: Annotated[str | None, typer.Option("--suffix", "-s", help="Part of the tuned model's name.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Where random numbers begin.")] = None,
    priority: Annotated[int | None, typer.Option(min=-10, max=10, help="Who gets a free device first.")] = None,
    strength: Strength = None,
    as_json: Json = False,
) -> None:
    """Send a job's request with other values, as a new job, and print its id. What is not named is as it was."""
    changes: dict[str, Any] = {
        "model": model, "suffix": suffix, "seed": seed, "priority": priority, "strength": strength,
        "overrides": parse_assignments(assignments or []) or None,
        "recipe": read_recipe(recipe) if recipe else None,
    }  # fmt: skip
    client, job_id = open_job(job_id)
    job = client.clone(job_id, {name: value for name, value in changes.items() if value is not None})
    show(job, as_json, job["id"])


def read_recipe(name: str) -> Any:
    """Return a recipe as it is sent: its name, or the whole of the user's own file."""
    is_file = Path(name).suffix in (".yaml", ".yml")
    return by_hand.resolve_recipe(name, get_settings()).model_dump() if is_file else name
