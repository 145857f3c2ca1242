"""Every model that can answer, by its name: bases on the volume, and the models and checkpoints of finished jobs.

A name says what is wanted (see `scriptorium.models.model_name`); this module finds its weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder, complete_checkpoints
from scriptorium.contracts import Job, Phase, ServeRequest, Status
from scriptorium.errors import BaseModelUnusable, JobMissing, ModelMissing
from scriptorium.jobs.engine_sessions import session_models
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.runner import Context
from scriptorium.models.base_models import check_model, local_models, locate_model
from scriptorium.models.model_name import ModelName, parse_model_name
from scriptorium.store.serving import AdapterVariant, WantedModel


@dataclass(frozen=True)
class KnownModel:
    """A model that can answer: its name, when it was made (Unix seconds), and what it was made from.

    `served` is the name under which an engine has it: what was merged has one name, by whichever it is asked.
    """

    name: str
    served: str
    created: int
    parent: str | None = None


def list_voices(context: Context) -> Iterator[KnownModel]:
    """Yield every base, and every model and checkpoint of a finished job, newest jobs first."""
    jobs = [job for job in context.store.jobs.iterate() if has_model(job)]
    bases = local_models(context.volume.models)
    for name in dict.fromkeys([*bases, *(job.model for job in jobs)]):
        try:
            yield know_base(context, name)
        except ModelMissing:  # it was on the hub, and is no longer in the cache
            continue
    for job in jobs:
        yield KnownModel(job.tuned_name, job.tuned_name, job.finished_at or job.created_at, job.model)
        merged = read_merged(context, job.id)
        for checkpoint in complete_checkpoints(context.volume.folder(job.id, Phase.TRAIN)):
            name = str(ModelName(job.tuned_name, checkpoint.step))
            served = job.tuned_name if merged == (checkpoint.step, 1.0) else name
            yield KnownModel(name, served, checkpoint.created_at, job.tuned_name)


def know_base(context: Context, name: str) -> KnownModel:
    """Return a base that is on this machine, made when it was put there. Raises ModelMissing."""
    return KnownModel(name, name, int((find_base(context, name) / "config.json").stat().st_mtime))


def find_known(context: Context, text: str) -> KnownModel:
    """Return the model of a name; a strength is as old as what it is a strength of. Raises as `find_models` does."""
    name = parse_model_name(text)
    served = find_models(context, text)[-1].name
    if name.job_id is None:
        return know_base(context, text)
    job = find_job(context, name)
    checkpoints = complete_checkpoints(context.volume.folder(job.id, Phase.TRAIN)) if name.step is not None else []
    created = next((one.created_at for one in checkpoints if one.step == name.step), job.finished_at or job.created_at)
    return KnownModel(text, served, created, job.tuned_name if name.variant else job.model)


def find_models(context: Context, text: str) -> list[WantedModel]:
    """Return the model of a name, behind the base that it needs in its engine, if it needs one.

    Raises InvalidRequest (a strength that cannot be) and ModelMissing.
    """
    name = parse_model_name(text)
    if name.job_id is None:
        return [WantedModel(name=name.voice, folder=str(find_base(context, name.voice)))]
    base, tuned = session_models(read_request(context, find_job(context, name)), gpu=context.settings.gpu)
    model = find_variant(context, name, base, tuned) if name.variant else tuned
    return [base, model] if model.adapter else [model]


def find_base(context: Context, name: str) -> Path:
    """Return the folder of a base model that is on this machine. Raises ModelMissing."""
    try:
        check_model(name, context.volume.models)
        return locate_model(name, context.volume.models)
    except (ModelMissing, BaseModelUnusable):
        raise ModelMissing(f"There is no model {name!r} on this machine.", param="model") from None


def find_job(context: Context, name: ModelName) -> Job:
    """Return the finished job that made a model. Raises ModelMissing."""
    try:
        job = context.store.jobs.get(name.job_id or "")
    except JobMissing:
        job = None
    if job is None or job.tuned_name != name.voice or not has_model(job):
        state = f" Its job {job.id} is {job.status}." if job and job.status is not Status.SUCCEEDED else ""
        raise ModelMissing(f"There is no model {str(name)!r}.{state}", param="model")
    return job


def has_model(job: Job) -> bool:
    """Return whether a job has ended with a model, which was not deleted."""
    return job.status is Status.SUCCEEDED and job.fine_tuned_model is not None


def read_request(context: Context, job: Job) -> ServeRequest:
    """Return the request with which a job's model was served."""
    request = REQUEST_MAKERS[Phase.SERVE](job, RequestContext(context.settings, context.volume))
    return ServeRequest.model_validate(request.model_dump())


def read_merged(context: Context, job_id: str) -> tuple[int | None, float]:
    """Return the step and the strength of what a job has merged."""
    merged: dict[str, Any] = (context.volume.published(job_id, Phase.MERGE) or {"result": {}})["result"]
    return merged.get("step"), merged.get("strength", 1.0)


def find_variant(context: Context, name: ModelName, base: WantedModel, tuned: WantedModel) -> WantedModel:
    """Return a job's checkpoint at a strength; without a step the checkpoint that was merged. Raises ModelMissing."""
    job_id = name.job_id or ""
    merged = read_merged(context, job_id)
    step = merged[0] if name.step is None else name.step
    training = context.volume.folder(job_id, Phase.TRAIN)
    if step not in {checkpoint.step for checkpoint in complete_checkpoints(training)}:
        raise ModelMissing(f"{name.voice} has no checkpoint {step}.", param="model")
    strength = 1.0 if name.strength is None else name.strength
    if (step, strength) == merged:
        return tuned
    variant, changes = AdapterVariant(job_id=job_id, step=step, strength=strength), {"name": str(name)}
    folder = context.volume.variant(job_id, step, strength)
    if not context.settings.gpu:
        return tuned.model_copy(update={**changes, "folder": str(folder), "variant": variant})
    if strength == 1:
        return tuned.model_copy(update={**changes, "adapter": str(checkpoint_folder(training, step))})
    return tuned.model_copy(update={**changes, "adapter": str(folder / SCALED_ADAPTER), "variant": variant})
