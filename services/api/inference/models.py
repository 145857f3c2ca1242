"""/v1/models: every model that can answer, with its state; deleting one; keeping one warm."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from fastapi import APIRouter

from scriptorium.artifacts.volume import VARIANTS
from scriptorium.contracts import Phase
from scriptorium.errors import InvalidRequest, ModelInUse, ModelMissing
from scriptorium.jobs.records import update_record
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.models.model_name import parse_model_name
from scriptorium.store.chat_wishes import Wish
from scriptorium.store.serving import Engine
from services.api.dependencies import Caller, Context, check_owner
from services.api.inference.await_engine import list_served_in_sessions
from services.api.inference.voices import KnownModel, find_job, find_known, find_models, list_voices
from services.api.inference.warm_models import keep_model_warm, release_model
from services.api.pagination import render_page

router = APIRouter(tags=["models"])

IN_USE_SECONDS = 60
STATES = {"ready": "warm", "starting": "loading", "preparing": "loading", "leaving": "cold", "failed": "failed"}


@router.get("/v1/models")
def list_models(context: Context) -> dict[str, Any]:
    """List models: bases, tuned models and their checkpoints, and the strengths that are in use."""
    return render_page(describe_all(known_models(context), context), has_more=False)


@router.get("/v1/models/{model:path}")
def retrieve(model: str, context: Context) -> dict[str, Any]:
    """Return a model, at any strength."""
    return describe_all([find_answering(context, model)], context)[0]


@router.delete("/v1/models/{model:path}")
def delete(model: str, context: Context, caller: Caller) -> dict[str, Any]:
    """Delete a finished job's model, or unload a checkpoint or a strength; one that is in use is kept."""
    name = parse_model_name(model)
    if name.job_id is None:
        find_models(context, model)
        raise InvalidRequest(
            f"{model} is a base model.", param="model", next_step="Remove its folder from models/ on the volume."
        )
    job, served = find_job(context, name), find_models(context, model)[-1].name
    if served == name.voice and name.variant:
        raise InvalidRequest(
            f"{model} is {served} as it was merged.", param="model", next_step=f"To delete it, name {served}."
        )
    check_owner(caller, job.created_by, served)
    folder = context.volume.run(job.id)
    concerned = [wish for wish in context.store.wishes.all() if wish.model.is_in(folder)]
    check_unused([wish for wish in concerned if not name.variant or wish.model.name == served])
    context.store.wishes.forget(served)
    if not name.variant:
        context.store.wishes.withdraw(folder)
        update_record(
            context.store,
            context.volume,
            job.id,
            lambda record: record.model_copy(update={"fine_tuned_model": None}),
        )
        shutil.rmtree(context.volume.folder(job.id, Phase.MERGE), ignore_errors=True)
        shutil.rmtree(folder / VARIANTS, ignore_errors=True)
    return {"id": model, "object": "model", "deleted": True}


def check_unused(wishes: Sequence[Wish]) -> None:
    """Raise ModelInUse if a model is kept warm, or was asked a moment ago."""
    for wish in wishes:
        if wish.pinned:
            raise ModelInUse(f"{wish.model.name} is kept warm.", param="model")
        if time.time() - wish.asked_at < IN_USE_SECONDS:
            raise ModelInUse(f"{wish.model.name} was asked less than {IN_USE_SECONDS} s ago.", param="model")


@router.post("/v1/x/models/{model:path}/warm")
def keep_warm(model: str, context: Context) -> dict[str, Any]:
    """Load a model, and keep it warm when nobody asks it for a while."""
    keep_model_warm(context, model)
    return retrieve(model, context)


@router.delete("/v1/x/models/{model:path}/warm")
def release(model: str, context: Context) -> dict[str, Any]:
    """Unload a model once nobody has asked it for a while."""
    release_model(context, model)
    return retrieve(model, context)


def known_models(context: PhaseContext) -> list[KnownModel]:
    """Return every model that can answer: what is on the volume, strengths in use, and models of running jobs."""
    known = {model.name: model for model in list_voices(context)}
    names = [engine.name for engine in context.store.serving.engines()]
    names += [wish.model.name for wish in context.store.wishes.all()]
    names += [model.name for model in list_served_in_sessions(context)]
    for name in dict.fromkeys(name for name in names if name not in known):
        with suppress(ModelMissing, InvalidRequest):  # an engine may outlive its model for a moment
            known[name] = find_answering(context, name)
    return list(known.values())


def find_answering(context: PhaseContext, name: str) -> KnownModel:
    """Return a model to which chat would answer. Raises as `find_models` does."""
    try:
        return find_known(context, name)
    except ModelMissing:
        job_id = parse_model_name(name).job_id
        if job_id is None or name not in {model.name for model in list_served_in_sessions(context)}:
            raise
        jobs = context.store.jobs.get_many([job_id])
        if not jobs:
            raise
        return KnownModel(name, name, jobs[0].created_at, jobs[0].model)


def describe_all(models: Sequence[KnownModel], context: PhaseContext) -> list[dict[str, Any]]:
    """Describe models on the wire, with the states of their engines."""
    engines = {engine.name: engine for engine in context.store.serving.engines()}
    reasons = {wish.model.name: wish.reason for wish in context.store.wishes.all()}
    return [describe(model, engines.get(model.served), reasons.get(model.served, "")) for model in models]


def describe(model: KnownModel, engine: Engine | None, reason: str) -> dict[str, Any]:
    """Describe a model on the wire."""
    status = "failed" if reason else STATES.get(engine.state, "cold") if engine else "cold"
    return {
        "id": model.name, "object": "model", "created": model.created, "owned_by": "scriptorium", "status": status,
        "reason": reason or (engine.reason if engine and status != "cold" else "") or None, "parent": model.parent,
        "root": parse_model_name(model.name).voice,
    }  # fmt: skip
