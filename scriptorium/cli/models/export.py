"""`scriptorium export`: a job's weights, downloaded; or a folder's, converted or taken at another strength."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import typer

from scriptorium.artifacts.checkpoints import FOLDER as CHECKPOINTS
from scriptorium.cli import by_hand
from scriptorium.cli.app import Json, Strength, app
from scriptorium.cli.follow import fetch_export
from scriptorium.cli.jobs.ids import open_job
from scriptorium.cli.models.find_model import FoundModel, find_model
from scriptorium.cli.terminal import out, show
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.local.writable import make_writable
from scriptorium.models.scaled_adapter import ADAPTER_CONFIG, scale_adapter
from scriptorium.settings import Settings, get_settings

Format = Literal["adapter", "merged", "gguf-f16", "gguf-q8_0", "gguf-q4_k_m"]


@app.command(epilog="Example: scriptorium export 1a2b --format gguf-q4_k_m --output my.gguf", rich_help_panel="Models")
def export(
    source: Annotated[
        str, typer.Argument(help="A job's id, ftjob-...; or the folder of a merged model, a training or an adapter.")
    ],
    export_format: Annotated[Format, typer.Option("--format", "-f", help="The format to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for adapter and merged, otherwise a file.")],
    strength: Strength = None,
    base: Annotated[str | None, typer.Option(help="An adapter's base: a folder or a name; default: its own.")] = None,
    as_json: Json = False,
) -> None:
    """Download a job's weights, continuing where an earlier call stopped; or convert a folder, or change its strength.

    With --strength, a job's files are read from this machine's data folder.
    """
    if strength is not None or holds_adapter(Path(source)):
        settings = get_settings()
        model = find_model(source, settings, base, as_adapter=True)
        export_adapter(model, export_format, output, strength or 1.0, settings)
        paths = [output]
    elif Path(source).is_dir():
        if export_format == "adapter" or export_format == "merged":  # noqa: PLR1714 - only this form narrows for mypy
            raise Conflict(
                f"{source} is already a model folder.", next_step="Ask for gguf-f16, gguf-q8_0 or gguf-q4_k_m."
            )
        by_hand.export(Path(source), output, export_format)
        paths = [output]
    else:
        client, job_id = open_job(source)
        paths = fetch_export(client, client.job(job_id), export_format, output, out)
    show([str(path) for path in paths], as_json, f"written: {output}")


def holds_adapter(folder: Path) -> bool:
    """Return whether a folder is an adapter's or a training's."""
    return (folder / ADAPTER_CONFIG).is_file() or (folder / CHECKPOINTS).is_dir()


def export_adapter(model: FoundModel, export_format: Format, output: Path, strength: float, settings: Settings) -> None:
    """Write an adapter at a strength, or the model that it makes of its base at that strength.

    Raises Conflict if the output exists, InvalidRequest, and what merging raises.
    """
    assert model.adapter is not None  # noqa: S101  it was asked for
    by_hand.check_free(output, "Name another one.")
    if export_format == "adapter":
        make_writable(output.resolve().parent, "--output")
        scale_adapter(model.adapter, strength, output.resolve())
    elif export_format == "merged":
        merge(model.adapter, model.folder, output, strength, settings)
    else:
        parent = make_writable(output.resolve().parent, "--output")
        with TemporaryDirectory(prefix=".merged-", dir=parent) as folder:
            merged = Path(folder) / model.folder.name
            merge(model.adapter, model.folder, merged, strength, settings)
            by_hand.export(merged, output, export_format)


def merge(adapter: Path, base: Path, output: Path, strength: float, settings: Settings) -> None:
    """Merge a checkpoint of a training at a strength. Raises InvalidRequest for an adapter that is none."""
    training, step = adapter.parents[1], adapter.name.removeprefix("checkpoint-")
    if adapter.parent.name != CHECKPOINTS or not step.isdecimal():
        raise InvalidRequest(
            f"{adapter.name} is no checkpoint of a training, and only such a one is merged.",
            param="--format",
            next_step="Name the training's folder, or ask for --format adapter.",
        )
    by_hand.merge(
        training, output, str(base), settings, checkpoint=int(step), select="loss", strength=strength, temperature=None
    )
