"""/v1/models: the base models on the volume, and the served models."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from scriptorium.errors import ModelMissing
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.models.base_models import local_models
from services.api.dependencies import Context
from services.api.pagination import render_page

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
def list_models(context: Context) -> dict[str, Any]:
    """List models."""
    return render_page(known_models(context), has_more=False)


@router.get("/{model:path}")
def retrieve(model: str, context: Context) -> dict[str, Any]:
    """Return a model."""
    for entry in known_models(context):
        if entry["id"] == model:
            return entry
    raise ModelMissing(f"There is no model {model!r}.", param="model")


def known_models(context: PhaseContext) -> list[dict[str, Any]]:
    """List base models and served models, with the state of the engine if there is one."""
    states = {engine.name: engine.state for engine in context.store.serving.engines()}
    names = dict.fromkeys([*local_models(context.volume.models), *states])
    return [
        {"id": name, "object": "model", "created": 0, "owned_by": "scriptorium", "state": states.get(name, "idle")}
        for name in names
    ]
