"""Each phase run by hand, without a queue: the same functions that the workers call."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import BaseModel

from scriptorium.artifacts import manifest
from scriptorium.artifacts.dataset import SPLITS
from scriptorium.contracts import Endpoint, EvaluateRequest, MergeRequest, PrepareRequest, TrainRequest
from scriptorium.errors import Conflict
from scriptorium.jobs.reporter import ConsoleReporter, SilentReporter
from scriptorium.jobs.requests import brief_writer
from scriptorium.models.base_models import check_model, locate
from scriptorium.recipe import Export, Recipe, Select, find_recipe, load_recipe
from scriptorium.settings import Settings

if TYPE_CHECKING:
    from services.data.preview import Preview


def recipe_of(name: str, settings: Settings) -> Recipe:
    """A recipe by name, or a file of the user's own."""
    path = Path(name)
    return load_recipe(path) if path.suffix in (".yaml", ".yml") else find_recipe(name, settings.recipes_dir)


def base_of(model: str, settings: Settings) -> Path:
    """A base model's folder: one given by path, or one by name."""
    if Path(model).is_dir():
        return Path(model).resolve()
    check_model(model, settings.models)
    return locate(model, settings.models, fetch=True)


def served_name(model: str) -> str:
    """What a base model is called where it is served: its name, or that of its folder."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def run_into(output: Path, work: Callable[[Path], BaseModel]) -> BaseModel:
    """Run a phase into a folder that appears whole or not at all; raises Conflict where it is there already."""
    check_free(output, "Name another folder.")
    temporary = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that failed
    temporary.mkdir(parents=True)
    result = work(temporary)
    manifest.write(temporary, {"result": result.model_dump(mode="json")})
    temporary.rename(output)
    return result


def check_free(output: Path, next_step: str) -> None:
    """Raise Conflict where something is there already."""
    if output.exists():
        raise Conflict(f"{output} is there already.", param="--output", next_step=next_step)


def existing(folder: Path) -> Path:
    """A folder, made where it was not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def prepare(book: Path, output: Path, model: str, recipe: Recipe, settings: Settings) -> BaseModel:
    """Manuscript -> dataset folder; or, where the name ends in .jsonl, one file of Alpaca rows with all of it."""
    from services.data.prepare import prepare_manuscript

    data, impostors = recipe.data, settings.impostors
    request = PrepareRequest(
        manuscript=book.resolve(), filename=book.name, base=base_of(model, settings), prompt=data.prompt,
        mix=data.mix, brief_writer=brief_writer(data, served_name(model), settings),
        sequence_len=recipe.training.sequence_len, chunking=data.chunking, split=data.split,
        references=settings.data_dir / "references" if (settings.data_dir / "references").is_dir() else None,
        impostors=impostors, impostors_name=impostors.name if impostors else "",
    )  # fmt: skip
    run = run_to_rows if output.suffix == ".jsonl" else run_into
    return run(output, lambda folder: prepare_manuscript(request, folder, ConsoleReporter()))


def run_to_rows(output: Path, work: Callable[[Path], BaseModel]) -> BaseModel:
    """Prepare a dataset and keep nothing but its Alpaca rows, held-out ones too; raises Conflict."""
    check_free(output, "Name another file.")
    with TemporaryDirectory(prefix=f".{output.name}.", dir=existing(output.parent)) as temporary:
        result = work(Path(temporary))
        rows = Path(temporary) / output.name
        with rows.open("wb") as lines:
            for name in SPLITS:
                part = Path(temporary) / "alpaca" / f"{name}.jsonl"
                lines.write(part.read_bytes() if part.exists() else b"")
        rows.rename(output)
    return result


def preview(book: Path, examples: int) -> Preview:
    """What cleaning would do to a manuscript; nothing is written."""
    from services.data.preview import preview_manuscript

    return preview_manuscript(book.resolve(), book.name, SilentReporter(), examples)


def train(dataset: Path, output: Path, model: str, recipe: Recipe, settings: Settings) -> BaseModel:
    """Dataset folder -> training folder."""
    from services.trainer.train import train_adapter

    request = TrainRequest(dataset=dataset.resolve(), base=base_of(model, settings), training=recipe.training)
    return run_into(output.resolve(), lambda folder: train_adapter(request, folder, ConsoleReporter()))


def merge(
    training: Path, output: Path, model: str, settings: Settings, *, checkpoint: int | None, select: Select
) -> BaseModel:
    """Training folder -> merged model folder, of the given checkpoint or of the best one."""
    from services.merger.merge import merge_adapter

    trained = (manifest.read(training) or {}).get("result", {})
    request = MergeRequest(
        base=base_of(model, settings), training=training.resolve(), checkpoint=checkpoint, select=select,
        base_hashes=trained.get("base_hashes", {}),
    )  # fmt: skip
    return run_into(output, lambda folder: merge_adapter(request, folder, ConsoleReporter()))


def export(model: Path, output: Path, wanted: Export) -> None:
    """Merged model folder -> one file in another format; raises Conflict where it is there already."""
    from services.merger.exporting.export import export_model

    check_free(output, "Name another file.")
    free = shutil.disk_usage(existing(output.resolve().parent)).free
    export_model(model.resolve(), wanted, output.resolve(), ConsoleReporter(), free)


def evaluate(
    dataset: Path, output: Path, model: str, training: Path, settings: Settings, *,
    base: Endpoint, tuned: Endpoint, alike: list[str],
) -> BaseModel:  # fmt: skip
    """Two endpoints and a dataset -> report folder; `model` is the base, for its tokenizer."""
    from services.evaluator.evaluate import evaluate_voice

    request = EvaluateRequest(
        dataset=dataset.resolve(), metrics=training.resolve() / "metrics.jsonl", tokenizer=base_of(model, settings),
        base=base, tuned=tuned, alike=alike,
        title=output.name, prompts=settings.evaluation_prompts, passages=settings.evaluation_passages,
        max_tokens=settings.evaluation_max_tokens, instructions=settings.evaluation_instructions,
        streams=settings.streams, seeded=settings.gpu,
    )  # fmt: skip
    return run_into(output, lambda folder: evaluate_voice(request, folder, ConsoleReporter()))
