"""What a job would need and do, before it is created: a table, or one line before `scriptorium run`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from scriptorium.artifacts.file_store import FILE_ID
from scriptorium.cli import by_hand
from scriptorium.cli.app import Assignments, Json, Model, RecipeName, app, connect
from scriptorium.cli.client import Client
from scriptorium.cli.terminal import err, out, show_json
from scriptorium.contracts.estimate import TrainingEstimate
from scriptorium.errors import (
    BaseModelUnusable,
    DiskLow,
    InvalidRecipe,
    InvalidTrainingFile,
    InvalidValidationFile,
    MemoryLow,
    ScriptoriumError,
)
from scriptorium.planning.default_recipe import choose_default_recipe
from scriptorium.planning.describe import describe_changes, describe_plan, format_bytes, format_seconds
from scriptorium.planning.manuscript_words import CountedFile, size_of_manuscript
from scriptorium.recipe import Recipe
from scriptorium.settings import Settings, get_settings


@app.command(epilog="Example: scriptorium plan my-book.txt --recipe lora", rich_help_panel="Jobs")
def plan(
    book: Annotated[str, typer.Argument(help="A manuscript, or the id of an uploaded one, file-...")],
    model: Model = None,
    recipe: RecipeName = None,
    assignments: Assignments = None,
    validation_file: Annotated[
        str | None,
        typer.Option("--validation-file", help="Another manuscript whose passages are dev; an id if BOOK is one."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what a job would need and do: updates, memory, time and disk. Nothing is uploaded or started."""
    settings = get_settings()
    loaded_recipe = by_hand.resolve_recipe(recipe, settings, assignments or [])
    body: dict[str, Any] = {"model": model or settings.default_model, "recipe": loaded_recipe.model_dump(mode="json")}
    if FILE_ID.fullmatch(book):
        body |= {"training_file": book, "validation_file": check_uploaded(validation_file)}
    else:
        path, dev = find_book(book), Path(validation_file) if validation_file else None
        body["dataset"] = count_dataset(path, loaded_recipe, dev)
    estimate = connect().estimate(body)
    if as_json:
        show_json(estimate)
        return
    print_plan(TrainingEstimate.model_validate(estimate))


def find_book(book: str) -> Path:
    """Return the path of a manuscript. Raises InvalidTrainingFile if there is none."""
    if not Path(book).exists():
        raise InvalidTrainingFile(f"There is no file {book}.", param="BOOK")
    return Path(book)


def check_uploaded(validation_file: str | None) -> str | None:
    """Return the id of an uploaded validation file. Raises InvalidValidationFile if it is a path."""
    if validation_file and not FILE_ID.fullmatch(validation_file):
        raise InvalidValidationFile(
            f"{validation_file} is not the id of an uploaded file, as BOOK is.", param="--validation-file",
            next_step="Name both as files of this machine, or both by their ids.",
        )  # fmt: skip
    return validation_file


def count_dataset(path: Path, recipe: Recipe, validation_file: Path | None = None) -> dict[str, Any]:
    """Return the counts of a manuscript on this machine as the API takes them. Raises InvalidValidationFile."""
    if validation_file and not validation_file.exists():
        raise InvalidValidationFile(f"There is no file {validation_file}.", param="--validation-file")
    validation = CountedFile(validation_file, validation_file.resolve().name) if validation_file else None
    counts = asdict(size_of_manuscript(path, path.resolve().name, recipe, validation))
    return {name: value for name, value in counts.items() if value is not None}


def announce_plan(
    client: Client, body: dict[str, Any], book: Path, settings: Settings, *, force: bool, dev: Path | None = None
) -> None:
    """Print in one line what a job will need and do, before its book is sent; `dev` is its validation file.

    A request that must change is refused here: raises UserError or ApiError. So is a plan that does not fit, unless it
    is forced: raises MemoryLow or DiskLow, as the training would. What cannot be planned may still run.
    """
    try:
        counts = count_dataset(book, guess_recipe(body, settings), dev)
        estimate = TrainingEstimate.model_validate(client.estimate({**body, "dataset": counts}))
    except ScriptoriumError as error:
        if 400 <= error.status < 500 and error.code != BaseModelUnusable.code:  # the job fetches its base
            raise
        err.print(f"plan: {error}")
        return
    err.print(f"plan: {describe_plan(estimate)}")
    if not (estimate.fits or force):
        lack = DiskLow if has_memory(estimate) else MemoryLow
        raise lack("This job does not fit on the machine.", next_step=f"{advise(estimate)} --force sends it anyway.")
    print_warnings(estimate)


def guess_recipe(body: dict[str, Any], settings: Settings) -> Recipe:
    """Return the recipe that a request means, as far as it is known on this machine; it counts the book's rows."""
    name = body.get("recipe")
    if isinstance(name, dict):
        return Recipe.model_validate(name)
    try:
        return by_hand.resolve_recipe(name, settings)
    except InvalidRecipe:  # the API may know it; if not, its answer lists those that there are
        return by_hand.resolve_recipe(choose_default_recipe(settings), settings)


def print_plan(estimate: TrainingEstimate) -> None:
    """Print an estimate as a table, then its warnings."""
    training, memory, duration, disk = estimate.training, estimate.memory, estimate.duration, estimate.disk
    table = Table("", "plan", "of which", box=None, header_style="bold")
    rows = {
        "base": (f"{estimate.model} on {estimate.device}", ""),
        "recipe": (
            estimate.recipe,
            f"{training.adapter}, rank {training.lora_r}, sequence_len {training.sequence_len:,}",
        ),
        "rows": (f"{estimate.rows:,} and {estimate.dev_rows:,} dev rows", f"from {estimate.basis}"),
        "tokens": (f"{estimate.tokens_per_epoch:,} an epoch", f"longest row {estimate.longest_row:,}"),
        "updates": (
            f"{estimate.updates:,}, {estimate.warmup_steps} to warm up",
            f"{training.num_epochs} epoch(s), micro-batch {training.micro_batch_size}, "
            f"accumulation {training.gradient_accumulation_steps}, learning rate {training.learning_rate:g}",
        ),
        "memory": (
            f"{format_bytes(estimate.peak_bytes)} of {format_bytes(estimate.available_bytes)}",
            ", ".join(f"{name} {format_bytes(size)}" for name, size in memory.model_dump().items()),
        ),
        "time": (
            f"{format_seconds(estimate.seconds)} at {estimate.tokens_per_second:,.0f} tokens/s",
            ", ".join(
                f"{name} {format_seconds(seconds)}" for name, seconds in duration.model_dump().items() if seconds
            ),
        ),
        "disk": (
            f"{format_bytes(estimate.disk_bytes)} of {format_bytes(estimate.free_disk_bytes)}",
            ", ".join(
                f"{name.replace('_', ' ')} {format_bytes(size)}" for name, size in disk.model_dump().items() if size
            ),
        ),
    }
    for name, (value, parts) in rows.items():
        table.add_row(name, Text(value), Text(parts))
    out.print(table, soft_wrap=False)
    runs = (
        f"corrected by {estimate.measured_runs} measured run(s)" if estimate.measured_runs else "not yet measured here"
    )
    out.print(f"memory and time: {runs}")
    print_warnings(estimate)


def print_warnings(estimate: TrainingEstimate) -> None:
    """Print an estimate's warnings, and what to change if it does not fit."""
    for warning in estimate.warnings:
        err.print(f"warning: {warning}", style="yellow")
    if not estimate.fits:
        err.print(f"does not fit: {advise(estimate)}", style="red")


def has_memory(estimate: TrainingEstimate) -> bool:
    """Return whether the device has the memory that a training needs, as far as it is known."""
    return estimate.available_bytes is None or estimate.peak_bytes <= estimate.available_bytes


def advise(estimate: TrainingEstimate) -> str:
    """Return what makes a plan fit that does not."""
    return "Free some disk space." if has_memory(estimate) else describe_changes(estimate)
