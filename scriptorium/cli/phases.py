"""Commands for a phase by hand, without a queue, and for the other authors that an evaluation needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scriptorium.cli import hand
from scriptorium.cli.app import Impostors, Json, Model, RecipeName, api_url, app, out, show
from scriptorium.cli.preview import print_preview
from scriptorium.contracts import Endpoint
from scriptorium.recipe import Select
from scriptorium.settings import get_settings
from scriptorium.urls import check_address

impostors_app = typer.Typer(no_args_is_help=True, help="Other authors, whom an evaluation tells a voice from.")
app.add_typer(impostors_app, name="impostors")


def address(url: str) -> str:
    """An address that can be asked; a usage error where it cannot."""
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
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write; must not exist.")]


@app.command()
def prepare(
    book: Annotated[
        Path,
        typer.Argument(
            help="A book (.txt, .md, .docx, .epub, .html), rows (.jsonl), or a .zip or folder.", exists=True
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new folder; or a new .jsonl file, for the rows alone.")
    ] = None,
    model: Model = None,
    recipe: RecipeName = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what cleaning changes; write nothing.")] = False,
    changes: Annotated[int, typer.Option(min=0, help="With --preview: how many changes of each step to show.")] = 5,
    impostors: Impostors = None,
    as_json: Json = False,
) -> None:
    """By hand: a manuscript becomes a dataset folder, or one .jsonl file in Alpaca form."""
    settings = get_settings()
    if impostors:
        settings = settings.model_copy(update={"impostors_dir": impostors.absolute()})
    if preview:
        seen = hand.preview(book, changes)
        show(seen.model_dump(mode="json"), as_json, "") if as_json else print_preview(seen, out)
        return
    if output is None:
        raise typer.BadParameter("name what to write, or ask for --preview", param_hint="--output")
    chosen = hand.recipe_of(recipe or settings.default_recipe, settings)
    if chosen.data.briefs == "model" and not settings.brief_url:
        settings = settings.model_copy(update={"brief_url": api_url(settings)})
    show_result(hand.prepare(book, output, model or settings.default_model, chosen, settings), output, as_json)


@app.command()
def train(
    dataset: Dataset,
    output: Output,
    model: Model = None,
    recipe: RecipeName = None,
    as_json: Json = False,
) -> None:
    """By hand: a dataset folder becomes a training folder with checkpoints."""
    settings = get_settings()
    chosen = hand.recipe_of(recipe or settings.default_recipe, settings)
    show_result(hand.train(dataset, output, model or settings.default_model, chosen, settings), output, as_json)


@app.command()
def merge(
    training: Training,
    output: Output,
    model: Model = None,
    checkpoint: Annotated[int | None, typer.Option(help="Step of the checkpoint; default: the best.")] = None,
    select: Annotated[
        Select, typer.Option(help="Which one is the best: by dev loss, by the voice, or both told.")
    ] = "loss",
    as_json: Json = False,
) -> None:
    """By hand: the best checkpoint, or a given one, is merged into its base."""
    settings = get_settings()
    base = model or settings.default_model
    result = hand.merge(training, output, base, settings, checkpoint=checkpoint, select=select)
    show_result(result, output, as_json)


@app.command()
def evaluate(
    dataset: Dataset,
    training: Training,
    base_url: Annotated[str, typer.Option(help="Where the base answers, without /v1.", callback=address)],
    base: Annotated[str, typer.Option(help="The base's name there.")],
    tuned_url: Annotated[str, typer.Option(help="Where the tuned model answers, without /v1.", callback=address)],
    tuned: Annotated[str, typer.Option(help="The tuned model's name there.")],
    output: Output,
    model: Model = None,
    alike: Annotated[list[str] | None, typer.Option(help="Another author of the same period and genre.")] = None,
    as_json: Json = False,
) -> None:
    """By hand: two running endpoints are compared on held-out text."""
    settings = get_settings()
    result = hand.evaluate(
        dataset, output, model or settings.default_model, training, settings,
        base=Endpoint(url=base_url, model=base), tuned=Endpoint(url=tuned_url, model=tuned), alike=alike or [],
    )  # fmt: skip
    show_result(result, output, as_json)


@impostors_app.command()
def install(as_json: Json = False) -> None:
    """Put public-domain novels by nine authors where every job finds them; what is there already stays."""
    from scriptorium.local.impostors import install as install_impostors

    settings = get_settings()
    folder = settings.impostors_dir or settings.data_dir / "impostors"
    show(install_impostors(folder), as_json, f"Other authors to tell a voice from are in {folder}.")


def show_result(result: Any, output: Path, as_json: bool) -> None:
    """Print the result of a phase run by hand."""
    show(result.model_dump(mode="json"), as_json, f"written: {output}")
