"""The parts that all commands share: the application, its options, its consoles, and the API's address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scriptorium import __version__
from scriptorium.cli.client import Client
from scriptorium.cli.failures import StackMissing
from scriptorium.cli.terminal import out
from scriptorium.errors import ScriptoriumError
from scriptorium.models.model_name import TUNED
from scriptorium.settings import Settings, get_settings

HELP = """Turn a manuscript into a language model in its author's voice.

Ids may be shortened to what is unique: `scriptorium show 1a2b`. A command that fails prints one message with a next
step. Exit status: 0 done, 1 failed, 2 wrong command line, 3 no stack is running, 4 no such job, file or model, 5
refused, 6 not now (a device is busy), 130 interrupted.
"""
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown", help=HELP)


def print_version(wanted: bool) -> None:
    """Print the version and exit."""
    if wanted:
        out.print(f"scriptorium {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Do nothing: the options of the command itself have callbacks."""


def complete_recipe(incomplete: str) -> list[str]:
    """Return the names of recipes that a shell completes a beginning to."""
    return sorted(path.stem for path in get_settings().recipes_dir.glob("*.yaml") if path.stem.startswith(incomplete))


def complete_base(incomplete: str) -> list[str]:
    """Return the base models on the volume that a shell completes a beginning to; none if no stack answers."""
    return [name for name in complete_model(incomplete) if not name.startswith(TUNED)]


def complete_model(incomplete: str) -> list[str]:
    """Return the models that a shell completes a beginning to; none if no stack answers."""
    try:
        return [model["id"] for model in connect().models() if model["id"].startswith(incomplete)]
    except ScriptoriumError:
        return []


Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Base model: a name on the volume or on the Hugging Face hub.",
        autocompletion=complete_base,
    ),
]  # fmt: skip
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe", "-r", help="A recipe's name, or your own YAML file.", autocompletion=complete_recipe
    ),
]  # fmt: skip
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
ValidationFile = Annotated[
    Path | None,
    typer.Option(
        "--validation-file", exists=True,
        help="Another manuscript by the same author: checkpoint, strength and temperature are chosen on it.",
    ),
]  # fmt: skip
Impostors = Annotated[
    Path | None,
    typer.Option(
        "--impostors", exists=True, help="Comparison authors for evaluation: a folder with a file or folder for each."
    ),
]


def connect() -> Client:
    """Return a client for the API of the settings, or else for the local stack's. Raises StackMissing."""
    return open_client(get_settings())


def open_client(settings: Settings) -> Client:
    """Open a client for the API of the given settings. Raises StackMissing."""
    return Client(api_url(settings), key=settings.api_key)


def api_url(settings: Settings) -> str:
    """Return the API's address. Raises StackMissing if none is set and no stack runs."""
    from scriptorium.local.state import find_running

    if settings.api_url:
        return settings.api_url.rstrip("/").removesuffix("/v1")
    state = find_running(settings)
    compose_url = f"http://127.0.0.1:{settings.api_port}"  # where compose.yaml publishes it
    if state is None and Client(compose_url).is_up():
        return compose_url
    if state is None:
        raise StackMissing(
            "No stack is running.", next_step="Start one with `scriptorium up`, or set SCRIPTORIUM_API_URL."
        )
    return state.api_url
