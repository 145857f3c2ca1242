"""`scriptorium models` and `recipes`: what a job can start from, and what can be asked."""

from __future__ import annotations

from typing import Annotated

import typer

from scriptorium.cli.app import Json, app, complete_recipe, connect
from scriptorium.cli.terminal import out, show, show_json, tabulate
from scriptorium.errors import ScriptoriumError
from scriptorium.recipe import find_recipe
from scriptorium.settings import get_settings


@app.command(epilog="Example: scriptorium models", rich_help_panel="Models")
def models(as_json: Json = False) -> None:
    """List the models that can answer: bases, the models of finished jobs, their checkpoints, strengths in use."""
    entries = connect().models()
    if as_json:
        show_json(entries)
        return
    tabulate({"model": [entry["id"] for entry in entries],
              "status": [entry["status"] for entry in entries],
              "reason": [entry["reason"] or "" for entry in entries]})  # fmt: skip
    if not entries:
        out.print(f"There are no models yet. Put a base model's folder into {get_settings().models}, or run a job.")


@app.command(epilog="Example: scriptorium recipes lora > my-recipe.yaml", rich_help_panel="Models")
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Print this recipe's file, to be edited.", autocompletion=complete_recipe)
    ] = None,
    as_json: Json = False,
) -> None:
    """List the recipes with what each is for, or print one."""
    folder = get_settings().recipes_dir
    if name:
        recipe = find_recipe(name, folder)
        text = (folder / f"{name}.yaml").read_text("utf-8")
        show(recipe.model_dump(mode="json"), as_json, text.rstrip())
        return
    descriptions = {path.stem: describe_recipe(path.stem) for path in sorted(folder.glob("*.yaml"))}
    if as_json:
        show_json(descriptions)
        return
    tabulate({"recipe": list(descriptions), "what it is for": list(descriptions.values())})


def describe_recipe(name: str) -> str:
    """Return a recipe's description, or why it cannot be used."""
    try:
        return find_recipe(name, get_settings().recipes_dir).description
    except ScriptoriumError as error:
        return str(error)
