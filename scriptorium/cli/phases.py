"""Commands that run a phase by hand, without a queue, and install comparison authors for evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from scriptorium.cli import by_hand
from scriptorium.cli.app import Assignments, Impostors, Json, Model, RecipeName, Strength, api_url, app
from scriptorium.cli.preview import print_preview
from scriptorium.cli.terminal import out, show, show_json
from scriptorium.contracts import Endpoint
from scriptorium.manuscript_types import BOOK_HELP
from scriptorium.recipe import RemovalStep, Select
from scriptorium.settings import get_settings
from scriptorium.urls import check_address

EVALUATE_EXAMPLE = (
    "Example: scriptorium evaluate my-dataset my-training --base-url http://127.0.0.1:8000 --base base "
    "--tuned-url http://127.0.0.1:8002 --tuned my-voice --output my-report"
)
impostors_app = typer.Typer(no_args_is_help=True, help="Comparison authors for evaluation.")
app.add_typer(impostors_app, name="impostors")


def parse_address(url: str) -> str:
    """Return a valid address; a usage error if it is not one."""
    try:
        return check_address(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Dataset = Annotated[
    Path, typer.Argument(help="A dataset folder, from `scriptorium prepare`.", exists=True, file_okay=False)
]
Training = Annotated[
    Path, typer.Argument(help="A training folder, from `scriptorium train`.", exists=True, file_okay=False)
]
Alike = Annotated[
    list[str] | None, typer.Option(help="Comparison author of the same period and genre; may be repeated.")
]
Output = Annotated[Path, typer.Option("--output", "-o", help="New folder to write.")]


def check_steps(steps: list[str] | None) -> list[str] | None:
    """Return the steps of cleaning; a usage error if one of them is none that can be skipped."""
    names = get_args(RemovalStep)
    if unknown := [step for step in steps or () if step not in names]:
        raise typer.BadParameter(f"no such step: {', '.join(unknown)}; there are {', '.join(names)}")
    return steps


@app.command(epilog="Example: scriptorium prepare my-book.txt --preview", rich_help_panel="By hand")
def prepare(
    book: Annotated[
        Path,
        typer.Argument(help=BOOK_HELP, exists=True),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="New folder to write; or a new .jsonl file, for the rows only."),
    ] = None,
    model: Model = None,
    recipe: RecipeName = None,
    assignments: Assignments = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what cleaning changes, without writing anything.")
    ] = False,
    changes: Annotated[int, typer.Option(min=0, help="With --preview: how many changes to show for each step.")] = 5,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            callback=check_steps,
            metavar="STEP",
            help="A step of cleaning to skip: keep what it would leave out; may be repeated.",
        ),
    ] = None,
    impostors: Impostors = None,
    as_json: Json = False,
) -> None:
    """Prepare by hand: turn a manuscript into a dataset folder, or into one .jsonl file in Alpaca format."""
    settings = get_settings()
    if impostors:
        settings = settings.model_copy(update={"impostors_dir": impostors.absolute()})
    skipped = [f"data.skip_cleaning=[{', '.join(keep)}]"] if keep else []
    loaded_recipe = by_hand.resolve_recipe(recipe, settings, [*(assignments or []), *skipped])
    if preview:
        cleaning = by_hand.preview(book, changes, loaded_recipe.data.skip_cleaning)
        show_json(cleaning.model_dump(mode="json")) if as_json else print_preview(cleaning, out)
        return
    if output is None:
        raise typer.BadParameter("name the output, or use --preview", param_hint="--output")
    if loaded_recipe.data.briefs == "model" and not settings.brief_url:
        key = settings.brief_key or settings.api_key
        settings = settings.model_copy(update={"brief_url": api_url(settings), "brief_key": key})
    show_result(
        by_hand.prepare(book, output, model or settings.default_model, loaded_recipe, settings), output, as_json
    )


@app.command(epilog="Example: scriptorium train my-dataset --output my-training", rich_help_panel="By hand")
def train(
    dataset: Dataset,
    output: Output,
    model: Model = None,
    recipe: RecipeName = None,
    assignments: Assignments = None,
    replay_rows: Annotated[
        Path | None,
        typer.Option(
            "--replay-rows",
            exists=True,
            file_okay=False,
            help="Your own chat rows (a folder of .jsonl files) to replay, instead of the base's answers.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train by hand: turn a dataset folder into a training folder with checkpoints."""
    settings = get_settings()
    if replay_rows:
        settings = settings.model_copy(update={"replay_rows": replay_rows.absolute()})
    loaded_recipe = by_hand.resolve_recipe(recipe, settings, assignments or [])
    show_result(
        by_hand.train(dataset, output, model or settings.default_model, loaded_recipe, settings), output, as_json
    )


@app.command(
    epilog="Example: scriptorium calibrate my-dataset my-training --output my-choice", rich_help_panel="By hand"
)
def calibrate(
    dataset: Dataset,
    training: Training,
    output: Output,
    model: Model = None,
    checkpoint: Annotated[int | None, typer.Option(help="Step of the checkpoint; the best one by default.")] = None,
    strength: Strength = None,
    alike: Alike = None,
    as_json: Json = False,
) -> None:
    """Calibrate by hand: choose checkpoint, strength and temperature by the trials of a training."""
    settings = get_settings()
    result = by_hand.calibrate(
        dataset, training, output, model or settings.default_model, settings,
        checkpoint=checkpoint, strength=strength, alike=alike or [],
    )  # fmt: skip
    show_result(result, output, as_json)


@app.command(epilog="Example: scriptorium merge my-training --output my-model", rich_help_panel="By hand")
def merge(
    training: Training,
    output: Output,
    model: Model = None,
    checkpoint: Annotated[int | None, typer.Option(help="Step of the checkpoint; the best one by default.")] = None,
    select: Annotated[
        Select,
        typer.Option(
            help="How to choose the best checkpoint. loss: by dev loss; voice: by voice; decision: choose by hand; "
            "balance: as voice, unless `scriptorium calibrate` has named a checkpoint."
        ),
    ] = "loss",
    strength: Strength = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Temperature at which the model writes by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Merge by hand: merge the best checkpoint, or a given one, into its base model."""
    settings = get_settings()
    base = model or settings.default_model
    result = by_hand.merge(
        training, output, base, settings,
        checkpoint=checkpoint, select=select, strength=strength or 1.0, temperature=temperature,
    )  # fmt: skip
    show_result(result, output, as_json)


@app.command(epilog=EVALUATE_EXAMPLE, rich_help_panel="By hand")
def evaluate(
    dataset: Dataset,
    training: Training,
    base_url: Annotated[
        str, typer.Option(help="Address of the base model's server, without /v1.", callback=parse_address)
    ],
    base: Annotated[str, typer.Option(help="The base model's name on its server.")],
    tuned_url: Annotated[
        str, typer.Option(help="Address of the tuned model's server, without /v1.", callback=parse_address)
    ],
    tuned: Annotated[str, typer.Option(help="The tuned model's name on its server.")],
    output: Output,
    model: Model = None,
    alike: Alike = None,
    as_json: Json = False,
) -> None:
    """Evaluate by hand: compare the base model and the tuned model, both running, on held-out text."""
    settings = get_settings()
    result = by_hand.evaluate(
        dataset, output, model or settings.default_model, training, settings,
        base=Endpoint(url=base_url, model=base), tuned=Endpoint(url=tuned_url, model=tuned), alike=alike or [],
    )  # fmt: skip
    show_result(result, output, as_json)


@impostors_app.command(epilog="Example: scriptorium impostors install")
def install(as_json: Json = False) -> None:
    """Install public-domain novels by nine authors for evaluation; existing files stay as they are."""
    from scriptorium.local.impostors import install as install_impostors

    settings = get_settings()
    folder = settings.impostors_dir or settings.data_dir / "impostors"
    show(install_impostors(folder), as_json, f"Comparison authors are in {folder}.")


def show_result(result: Any, output: Path, as_json: bool) -> None:
    """Print the result of a phase that was run by hand."""
    show(result.model_dump(mode="json"), as_json, f"written: {output}")
