"""The parts that all commands share: the application, its options, its consoles, and the API's address."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from scriptorium.cli.client import Client
from scriptorium.errors import Conflict
from scriptorium.settings import Settings, get_settings

HELP = "Turn a manuscript into a fine-tuned model. A command that fails prints one message and exits with status 1."
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="Base model: a name on the volume or on the Hugging Face hub.")
]
RecipeName = Annotated[str | None, typer.Option("--recipe", "-r", help="A recipe's name, or your own YAML file.")]
Assignments = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the recipe: training.num_epochs=5; repeatable."),
]


def check_strength(value: float | None) -> float | None:
    """Return a strength that an adapter can be merged at; a usage error if it is 0."""
    if value == 0:
        raise typer.BadParameter("must be above 0")
    return value


Strength = Annotated[
    float | None,
    typer.Option(
        min=0, max=2, callback=check_strength, help="How much of the adapter is merged: 1 is all of it, 0.5 half."
    ),
]
Impostors = Annotated[
    Path | None,
    typer.Option(
        "--impostors", exists=True, help="Comparison authors for evaluation: a folder with a file or folder for each."
    ),
]


def connect() -> Client:
    """Return a client for the API of the settings, or else for the local stack's."""
    return Client(api_url(get_settings()))


def api_url(settings: Settings) -> str:
    """Return the API's address. Raises Conflict if none is set and no stack runs."""
    from scriptorium.local.state import find_running

    if settings.api_url:
        return settings.api_url.rstrip("/").removesuffix("/v1")
    state = find_running(settings)
    compose_url = f"http://127.0.0.1:{settings.api_port}"  # where compose.yaml publishes it
    if state is None and Client(compose_url).is_up():
        return compose_url
    if state is None:
        raise Conflict("No stack is running.", next_step="Start one with `scriptorium up`, or set SCRIPTORIUM_API_URL.")
    return state.api_url


def tabulate(columns: dict[str, list[Any]]) -> None:
    """Print columns under their names; nothing if there are no rows."""
    if not next(iter(columns.values())):
        return
    table = Table(*columns, box=None)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(str, row))
    out.print(table)


def show(body: Any, as_json: bool, text: str) -> None:
    """Print the body as JSON, or the text."""
    out.out(json.dumps(body, indent=2) if as_json else text)
