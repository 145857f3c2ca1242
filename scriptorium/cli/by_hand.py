"""The phases run by hand, without a queue: the same functions that the workers call."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import BaseModel

from scriptorium.artifacts import manifest
from scriptorium.artifacts.dataset import SPLITS, iterate_rows, read_quality
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.contracts import (
    CalibrateRequest,
    Endpoint,
    EvaluateRequest,
    MergeRequest,
    PrepareRequest,
    TrainRequest,
)
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.jobs.reporter import ConsoleReporter, SilentReporter
from scriptorium.jobs.requests import brief_writer
from scriptorium.local.writable import make_writable
from scriptorium.models.base_models import check_model, obtain_model
from scriptorium.planning.default_recipe import choose_default_recipe
from scriptorium.recipe import Export, Recipe, Select, find_recipe, load_recipe
from scriptorium.recipe_overrides import apply_overrides, parse_assignments
from scriptorium.settings import Settings
from scriptorium.text.file_names import printable_name

if TYPE_CHECKING:
    from services.data.preview import Preview


def resolve_recipe(name: str | None, settings: Settings, assignments: Sequence[str] = ()) -> Recipe:
    """Return a recipe by its name, or from the user's own YAML file, or the default one; with other values set."""
    name = name or choose_default_recipe(settings)
    path = Path(name)
    recipe = load_recipe(path) if path.suffix in (".yaml", ".yml") else find_recipe(name, settings.recipes_dir)
    return apply_overrides(recipe, parse_assignments(assignments)) if assignments else recipe


def resolve_base(model: str, settings: Settings) -> Path:
    """Return a base model's folder, given by path or by name."""
    if Path(model).is_dir():
        return Path(model).resolve()
    check_model(model, settings.models)
    return obtain_model(model, settings.models, ConsoleReporter())


def served_name(model: str) -> str:
    """Return the name under which a base model is served: its own, or that of its folder."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def run_into(output: Path, work: Callable[[Path], BaseModel], *, discard: bool = False) -> BaseModel:
    """Run a phase into a folder that appears complete or not at all. Raises Conflict if it already exists.

    What a failed run has written stays beside it until the next one; with `discard` it goes, as an hour's training may
    be worth a look and a minute's preparation is not.
    """
    check_free(output, "Name another folder.")
    make_writable(output.absolute().parent, "--output")
    temporary = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that failed
    temporary.mkdir(parents=True)
    try:
        result = work(temporary)
        manifest.write(temporary, {"result": result.model_dump(mode="json")})
        temporary.rename(output)
    except BaseException:
        if discard:
            shutil.rmtree(temporary, ignore_errors=True)
        raise
    return result


def check_free(output: Path, next_step: str) -> None:
    """Raise Conflict if the output already exists, and PathUnusable if it cannot be looked at."""
    if output.exists():
        raise Conflict(f"{output} already exists.", param="--output", next_step=next_step)


def prepare(book: Path, output: Path, model: str, recipe: Recipe, settings: Settings) -> BaseModel:
    """Turn a manuscript into a dataset folder; or, if the output ends in .jsonl, into one file of Alpaca rows."""
    from services.data.prepare import prepare_manuscript

    data, impostors = recipe.data, settings.impostors
    request = PrepareRequest(
        manuscript=book.resolve(), filename=printable_name(book.name), base=resolve_base(model, settings),
        language=data.language, prompt=data.prompt, mix=data.mix,
        brief_writer=brief_writer(data, served_name(model), settings),
        rename=data.rename, system=data.system, method=recipe.training.method,
        sequence_len=recipe.training.sequence_len, chunking=data.chunking, split=data.split,
        references=settings.data_dir / "references" if (settings.data_dir / "references").is_dir() else None,
        impostors=impostors, impostors_name=printable_name(impostors.name) if impostors else "",
        tolerated_share=recipe.decisions.tolerated_share,
    )  # fmt: skip
    run = run_to_rows if output.suffix == ".jsonl" else partial(run_into, discard=True)
    with named_in_errors(output):
        return run(output, lambda folder: prepare_manuscript(request, folder, ConsoleReporter()))


@contextmanager
def named_in_errors(output: Path) -> Iterator[None]:
    """Name the output in an error of the system that names no file, as that of a full disk."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(output)
        raise


def run_to_rows(output: Path, work: Callable[[Path], BaseModel]) -> BaseModel:
    """Prepare a dataset and keep only its Alpaca rows, including the held-out ones.

    Raises Conflict, or InvalidRequest if Alpaca rows cannot hold it.
    """
    check_free(output, "Name another file.")
    with TemporaryDirectory(
        prefix=f".{output.name}.", dir=make_writable(output.absolute().parent, "--output")
    ) as temporary:
        result = work(Path(temporary))
        check_alpaca_holds(Path(temporary), output)
        rows = Path(temporary) / output.name
        with rows.open("wb") as lines:
            for name in SPLITS:
                part = Path(temporary) / "alpaca" / f"{name}.jsonl"
                lines.write(part.read_bytes() if part.exists() else b"")
        rows.rename(output)
    return result


def check_alpaca_holds(dataset: Path, output: Path) -> None:
    """Raise InvalidRequest if rows have more than a prompt and an answer: an Alpaca row has no place for it."""
    paths = [path for name in SPLITS if (path := dataset / f"{name}.jsonl").exists()]
    rows = [row for path in paths for row in iterate_rows(path) if row.rejected_messages or len(row.messages) > 2]
    if rows:
        rejected = any(row.rejected_messages for row in rows)
        lost = "a rejected answer" if rejected else "a system message or earlier turns"
        raise InvalidRequest(
            f"{len(rows):,} row(s) have {lost}, which a .jsonl file in Alpaca format cannot hold.",
            param="--output",
            next_step=f"Name a folder, which holds everything: --output {output.with_suffix('')}",
        )


def preview(book: Path, examples: int, skipped: Collection[str]) -> Preview:
    """Return what cleaning would change in a manuscript, without writing anything; the skipped steps are not made."""
    from services.data.preview import preview_manuscript

    return preview_manuscript(book.resolve(), printable_name(book.name), SilentReporter(), examples, skipped)


def train(dataset: Path, output: Path, model: str, recipe: Recipe, settings: Settings) -> BaseModel:
    """Train on a dataset folder; writes a training folder."""
    from services.trainer.train import train_adapter

    request = TrainRequest(
        dataset=dataset.resolve(), base=resolve_base(model, settings), training=recipe.training,
        calibration=recipe.calibration.limited_to(recipe.strength), drafts=recipe.data.drafts,
        replay_cache=settings.replay, replay_rows=settings.replay_rows,
    )  # fmt: skip
    return run_into(output.resolve(), lambda folder: train_adapter(request, folder, ConsoleReporter()))


def calibrate(
    dataset: Path, training: Path, output: Path, model: str, settings: Settings, *,
    checkpoint: int | None, strength: float | None, alike: list[str],
) -> BaseModel:  # fmt: skip
    """Choose checkpoint, strength and temperature of a training folder; writes a folder with the choice."""
    from services.evaluator.calibrate import calibrate_voice

    request = CalibrateRequest(
        dataset=dataset.resolve(), training=training.resolve(), tokenizer=resolve_base(model, settings),
        checkpoint=checkpoint, strength=strength, alike=alike,
    )  # fmt: skip
    return run_into(output.resolve(), lambda folder: calibrate_voice(request, folder, ConsoleReporter()))


def merge(
    training: Path, output: Path, model: str, settings: Settings, *,
    checkpoint: int | None, select: Select, strength: float, temperature: float | None,
) -> BaseModel:  # fmt: skip
    """Merge the given or the best checkpoint of a training folder; writes a model folder."""
    from services.merger.merge import merge_adapter

    result = (manifest.read(training) or {}).get("result", {})
    request = MergeRequest(
        base=resolve_base(model, settings), training=training.resolve(), checkpoint=checkpoint, select=select,
        strength=strength, temperature=temperature, base_hashes=result.get("base_hashes", {}),
    )  # fmt: skip
    return run_into(output, lambda folder: merge_adapter(request, folder, ConsoleReporter()))


def export(model: Path, output: Path, export_format: Export) -> None:
    """Write a merged model as one file in another format. Raises Conflict if the file already exists."""
    from services.merger.exporting.export import export_model

    check_free(output, "Name another file.")
    free = shutil.disk_usage(make_writable(output.resolve().parent, "--output")).free
    export_model(model.resolve(), export_format, output.resolve(), ConsoleReporter(), free)


def evaluate(
    dataset: Path, output: Path, model: str, training: Path, settings: Settings, *,
    base: Endpoint, tuned: Endpoint, alike: list[str],
) -> BaseModel:  # fmt: skip
    """Evaluate two endpoints on a dataset; writes a report folder. `model` is the base, for its tokenizer."""
    from services.evaluator.evaluate import evaluate_voice

    prepared = read_quality(dataset)
    request = EvaluateRequest(
        dataset=dataset.resolve(), metrics=training.resolve() / TRAINING_LOG,
        tokenizer=resolve_base(model, settings), base=base, tuned=tuned, alike=alike,
        title=(prepared and prepared.title) or output.name, findings=prepared and prepared.decision,
        prompts=settings.evaluation_prompts, passages=settings.evaluation_passages,
        max_tokens=settings.evaluation_max_tokens, instructions=settings.evaluation_instructions,
        scenes=settings.evaluation_scenes,
        rewrites=settings.evaluation_rewrites, judged_prompts=settings.evaluation_judged_prompts,
        streams=settings.streams, seeded=settings.gpu,
    )  # fmt: skip
    return run_into(output, lambda folder: evaluate_voice(request, folder, ConsoleReporter()))
