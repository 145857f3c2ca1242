"""`scriptorium run`: everything is checked before the book is sent, and a refused job leaves no upload behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from scriptorium.cli import by_hand
from scriptorium.cli.app import Assignments, Impostors, Json, Model, RecipeName, Strength, ValidationFile, app, connect
from scriptorium.cli.client import Client
from scriptorium.cli.jobs.choose_base import choose_base
from scriptorium.cli.jobs.follow_job import check_report_folder, follow_to_report
from scriptorium.cli.jobs.manuscript import open_manuscript
from scriptorium.cli.jobs.plan import announce_plan
from scriptorium.cli.terminal import show
from scriptorium.errors import ScriptoriumError
from scriptorium.manuscript_types import BOOK_HELP
from scriptorium.planning.default_recipe import AUTO
from scriptorium.recipe_overrides import parse_assignments
from scriptorium.settings import Settings, get_settings

Body = dict[str, Any]


@app.command(epilog="Example: scriptorium run my-book.txt --suffix my-voice", rich_help_panel="Jobs")
def run(
    book: Annotated[Path, typer.Argument(help=BOOK_HELP)],
    model: Model = None,
    recipe: RecipeName = None,
    assignments: Assignments = None,
    suffix: Annotated[str | None, typer.Option("--suffix", "-s", help="Part of the tuned model's name.")] = None,
    validation_file: ValidationFile = None,
    impostors: Impostors = None,
    priority: Annotated[
        int, typer.Option(min=-10, max=10, help="Who gets a free device first: higher before lower, then by time.")
    ] = 0,
    strength: Strength = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the report.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the job's id and do not wait for the job.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Send it even if the plan does not fit the machine.")] = False,
    as_json: Json = False,
) -> None:
    """Send a book and follow the job until its report is there. Ctrl-C leaves the job running."""
    settings, client = get_settings(), connect()
    if not detach:
        check_report_folder(output)
    optional_fields: Body = {
        "suffix": suffix, "priority": priority, "strength": strength, "overrides": parse_assignments(assignments or []),
    }  # fmt: skip
    body = {"model": choose_base(model, settings, client), **choose_recipe(recipe, settings)}
    body |= {name: value for name, value in optional_fields.items() if value}
    announce_plan(client, body, book, settings, force=force, dev=validation_file)
    with uploads(client) as file_ids:
        body["training_file"] = send(client, book, file_ids)
        if validation_file:
            body["validation_file"] = send(client, validation_file, file_ids)
        if impostors:
            body["impostors"] = send(client, impostors, file_ids)
        job = client.create(body)
    if detach:
        show(job, as_json, job["id"])
        return
    follow_to_report(client, job["id"], output, as_json=as_json)


def choose_recipe(name: str | None, settings: Settings) -> Body:
    """Return the recipe to send: a name, or a whole one from a file; nothing if the API is to choose."""
    recipe_name = name or settings.default_recipe
    if recipe_name == AUTO:  # the API knows the GPUs
        return {}
    if Path(recipe_name).suffix in (".yaml", ".yml"):
        return {"recipe": by_hand.resolve_recipe(recipe_name, settings).model_dump()}
    return {"recipe": recipe_name}


@contextmanager
def uploads(client: Client) -> Iterator[list[str]]:
    """Yield a list for the ids of uploads; delete them again if the job is not created."""
    file_ids: list[str] = []
    try:
        yield file_ids
    except BaseException:
        for file_id in file_ids:
            with suppress(ScriptoriumError):  # a job that was created all the same needs it
                client.delete_file(file_id)
        raise


def send(client: Client, path: Path, file_ids: list[str]) -> str:
    """Upload a file or folder, note its id and return it."""
    with open_manuscript(path) as (name, content):
        file_id = str(client.upload(content, name)["id"])
    file_ids.append(file_id)
    return file_id
