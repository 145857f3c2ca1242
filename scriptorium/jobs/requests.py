"""What each phase is asked, made from the job and from where things lie on the volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptorium import contracts as c
from scriptorium.artifacts.checkpoint_losses import measured_path
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.file_store import Files
from scriptorium.artifacts.volume import Volume
from scriptorium.errors import InternalError
from scriptorium.models.base_models import locate
from scriptorium.recipe import Data, Training
from scriptorium.settings import Settings


@dataclass(frozen=True)
class Rooms:
    """What a request is made of."""

    settings: Settings
    volume: Volume

    def base(self, job: c.Job, *, fetch: bool = False) -> Path:
        """The base model's folder."""
        return locate(job.model, self.volume.models, fetch=fetch)

    def result(self, job: c.Job, phase: c.Phase) -> dict[str, object]:
        """What an earlier phase of this job published."""
        body = self.volume.published(job.id, phase)
        if body is None:
            raise InternalError(f"{phase} of {job.id} should have been published by now, but its folder is not whole.")
        result: dict[str, object] = body["result"]
        return result


def prepare(job: c.Job, rooms: Rooms) -> c.PrepareRequest:
    """Where the manuscript lies and how the recipe cuts it."""
    file = Files(rooms.volume.files).get(job.training_file)
    data = job.recipe.data
    return c.PrepareRequest(
        manuscript=Files(rooms.volume.files).content(file.id),
        filename=file.filename,
        base=rooms.base(job, fetch=True),
        prompt=data.prompt,
        mix=data.mix,
        brief_writer=brief_writer(data, job.model, rooms.settings),
        sequence_len=job.recipe.training.sequence_len,
        chunking=data.chunking,
        split=data.split,
        references=rooms.volume.references if rooms.volume.references.is_dir() else None,
        **impostors(job, rooms),
        seed=job.seed,
    )


def impostors(job: c.Job, rooms: Rooms) -> dict[str, Any]:
    """Other authors' works, where there are any: the job's own upload, or else the folder that the settings name."""
    if job.impostors:
        file = Files(rooms.volume.files).get(job.impostors)
        return {"impostors": Files(rooms.volume.files).content(file.id), "impostors_name": file.filename}
    folder = rooms.settings.impostors
    return {"impostors": folder, "impostors_name": folder.name} if folder else {}


def brief_writer(data: Data, base: str, settings: Settings) -> c.Endpoint | None:
    """The model that writes briefs where the recipe wants one."""
    if data.briefs == "extracted":
        return None
    return c.Endpoint(url=settings.brief_server, model=settings.brief_model or base)


def train(job: c.Job, rooms: Rooms) -> c.TrainRequest:
    """The dataset, the base, and the recipe with the job's own hyperparameters applied."""
    return c.TrainRequest(
        dataset=rooms.volume.folder(job.id, c.Phase.PREPARE),
        base=rooms.base(job),
        training=apply_hyperparameters(job.recipe.training, job.hyperparameters),
        seed=job.seed,
    )


def merge(job: c.Job, rooms: Rooms) -> c.MergeRequest:
    """The training folder and the base it started from."""
    return c.MergeRequest(
        base=rooms.base(job),
        training=rooms.volume.folder(job.id, c.Phase.TRAIN),
        checkpoint=job.checkpoint,
        select=job.recipe.select,
        exports=job.recipe.export,
        base_hashes=c.TrainResult.model_validate(rooms.result(job, c.Phase.TRAIN)).base_hashes,
    )


def serve(job: c.Job, rooms: Rooms) -> c.ServeRequest:
    """The base and the merged model, and the adapter they differ by."""
    merged = c.MergeResult.model_validate(rooms.result(job, c.Phase.MERGE))
    training = rooms.volume.folder(job.id, c.Phase.TRAIN)
    return c.ServeRequest(
        base=rooms.base(job),
        base_name=job.model,
        merged=rooms.volume.folder(job.id, c.Phase.MERGE),
        adapter=checkpoint_folder(training, merged.step),
        tuned_name=job.tuned_name,
        measured=measured_path(training, merged.step),
        merged_on=merged.base,
    )


def evaluate(job: c.Job, rooms: Rooms) -> c.EvaluateRequest:
    """The held-out briefs and the two endpoints that the serve phase left answering."""
    served = c.ServeResult.model_validate(rooms.result(job, c.Phase.SERVE))
    file = Files(rooms.volume.files).get(job.training_file)
    return c.EvaluateRequest(
        dataset=rooms.volume.folder(job.id, c.Phase.PREPARE),
        tokenizer=rooms.volume.folder(job.id, c.Phase.MERGE),
        base=served.base,
        tuned=served.tuned,
        metrics=rooms.volume.folder(job.id, c.Phase.TRAIN) / "metrics.jsonl",
        title=job.suffix or Path(file.filename).stem,
        prompts=rooms.settings.evaluation_prompts,
        passages=rooms.settings.evaluation_passages,
        max_tokens=rooms.settings.evaluation_max_tokens,
        instructions=rooms.settings.evaluation_instructions,
        alike=job.recipe.evaluation.alike,
        streams=rooms.settings.streams,
        seeded=rooms.settings.gpu,
        seed=job.seed,
    )


MAKERS: dict[c.Phase, Callable[[c.Job, Rooms], c.Request]] = {
    c.Phase.PREPARE: prepare,
    c.Phase.TRAIN: train,
    c.Phase.MERGE: merge,
    c.Phase.SERVE: serve,
    c.Phase.EVALUATE: evaluate,
}


def apply_hyperparameters(training: Training, wished: c.Hyperparameters) -> Training:
    """The recipe's training section with the wire's knobs turned; "auto" leaves the recipe's value.

    `batch_size` is the effective batch: it is reached by gradient accumulation, so memory stays as the recipe has it.
    """
    changes: dict[str, object] = {}
    if wished.n_epochs != "auto":
        changes |= {"num_epochs": wished.n_epochs, "max_steps": None}
    if wished.batch_size != "auto":
        changes["gradient_accumulation_steps"] = max(1, wished.batch_size // training.micro_batch_size)
    if wished.learning_rate_multiplier != "auto":
        changes["learning_rate"] = training.learning_rate * wished.learning_rate_multiplier
    return training.model_copy(update=changes)
