"""The model that a person means: a folder with a model, an adapter or a training, or a name on the volume."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import FOLDER as CHECKPOINTS
from scriptorium.artifacts.checkpoints import best_checkpoint, checkpoint_folder, complete_checkpoints
from scriptorium.artifacts.volume import Volume
from scriptorium.cli.by_hand import resolve_base
from scriptorium.contracts import Job, MergeResult, Phase
from scriptorium.errors import BaseModelUnusable, Conflict, InvalidRequest, ModelMissing
from scriptorium.models.base_models import local_models, locate_model
from scriptorium.models.scaled_adapter import ADAPTER_CONFIG, read_config
from scriptorium.settings import Settings


@dataclass(frozen=True)
class FoundModel:
    """A whole model's folder, or a base with an adapter; and the name that it is served under."""

    name: str
    folder: Path
    adapter: Path | None = None
    tuned: bool = False


def find_model(source: str, settings: Settings, base: str | None = None, *, as_adapter: bool = False) -> FoundModel:
    """Find a model by folder or name; the stack need not run. With `as_adapter` a job's adapter, not its merged model.

    Raises ModelMissing, Conflict, InvalidRequest and BaseModelUnusable.
    """
    folder = Path(source)
    if folder.is_dir():
        return find_in_folder(folder.resolve(), settings, base, as_adapter=as_adapter)
    volume = Volume(settings.data_dir, settings.models)
    job = find_job(source, volume)
    if job:
        return job_adapter(job, volume, settings, base) if as_adapter else merged_model(job, volume)
    if source in local_models(settings.models) or "/" in source:
        return refuse_whole(FoundModel(source, resolve_base(source, settings)), as_adapter=as_adapter)
    raise ModelMissing(
        f"There is no model {source!r} on this machine.", next_step=f"Name a folder, or one of: {list_names(volume)}."
    )


def find_in_folder(folder: Path, settings: Settings, base: str | None, *, as_adapter: bool) -> FoundModel:
    """Find what lies in a folder: an adapter, a training (its best checkpoint), or a whole model."""
    if (folder / ADAPTER_CONFIG).is_file():
        return FoundModel(folder.name, find_base(folder, settings, base), folder, tuned=True)
    if (folder / CHECKPOINTS).is_dir() and (checkpoints := complete_checkpoints(folder)):
        adapter = checkpoint_folder(folder, best_checkpoint(checkpoints).step)
        return FoundModel(folder.name, find_base(adapter, settings, base), adapter, tuned=True)
    if (folder / "config.json").is_file():
        merged = manifest.read(folder) is not None
        return refuse_whole(FoundModel(folder.name, folder, tuned=merged), as_adapter=as_adapter)
    raise ModelMissing(
        f"There is no model in {folder}.", next_step=f"It must hold config.json or {ADAPTER_CONFIG}, or be a training."
    )


def refuse_whole(model: FoundModel, *, as_adapter: bool) -> FoundModel:
    """Return a whole model. Raises InvalidRequest if an adapter is needed."""
    if as_adapter:
        raise InvalidRequest(
            f"{model.name} is a whole model: only an adapter has a strength.",
            param="--strength",
            next_step="Name an adapter, a training folder or a job.",
        )
    return model


def find_base(adapter: Path, settings: Settings, base: str | None = None) -> Path:
    """Return the folder of an adapter's base: the one that is given, else the one that its configuration names.

    Raises ModelMissing and InvalidRequest.
    """
    name = base or str(read_config(adapter).get("base_model_name_or_path") or "")
    if name and Path(name).is_dir():
        return Path(name).resolve()
    try:
        return locate_model(name, settings.models)
    except (BaseModelUnusable, ValueError):
        raise ModelMissing(
            f"The base of the adapter {adapter.name}, {name or 'which it does not name'}, is not on this machine.",
            param="--base",
            next_step="Name its folder, or its name on the volume, with --base.",
        ) from None


def find_job(source: str, volume: Volume) -> Job | None:
    """Return the job whose id or model's name this is, from its record on the volume."""
    return next((job for job in volume.saved_jobs() if source in (job.id, job.tuned_name)), None)


def merged_model(job: Job, volume: Volume) -> FoundModel:
    """Return a job's merged model. Raises Conflict if there is none yet."""
    folder = volume.folder(job.id, Phase.MERGE)
    if manifest.read(folder) is None:
        raise Conflict(f"{job.id} has no merged model: it is {job.status}.", next_step="Follow it to its end.")
    return FoundModel(job.tuned_name, folder, tuned=True)


def job_adapter(job: Job, volume: Volume, settings: Settings, base: str | None = None) -> FoundModel:
    """Return a job's adapter as it was trained, of the checkpoint that was merged. Raises Conflict if there is none."""
    body = volume.published(job.id, Phase.MERGE)
    if body is None:
        raise Conflict(f"{job.id} has no merged model: it is {job.status}.", next_step="Follow it to its end.")
    step = MergeResult.model_validate(body["result"]).step
    adapter = checkpoint_folder(volume.folder(job.id, Phase.TRAIN), step)
    return FoundModel(job.tuned_name, find_base(adapter, settings, base or job.model), adapter, tuned=True)


def list_names(volume: Volume) -> str:
    """List the names of base models and of finished jobs' models."""
    tuned = [job.tuned_name for job in volume.saved_jobs() if volume.published(job.id, Phase.MERGE) is not None]
    return ", ".join([*local_models(volume.models), *tuned]) or "none"
