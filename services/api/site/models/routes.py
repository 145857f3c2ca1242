"""/models, for browsers: every model that can answer, and forms that keep one loaded, let it go or delete it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse

from scriptorium.models.model_name import TUNED, parse_model_name
from services.api.dependencies import Caller, Context
from services.api.inference import models
from services.api.inference.voices import find_known
from services.api.pages.page import render_page, see_other
from services.api.site.templates import site_templates

router = APIRouter(prefix="/models", tags=["pages"], default_response_class=HTMLResponse, include_in_schema=False)

TEMPLATES = site_templates(Path(__file__).parent)
STATE_NAMES = {"warm": "ready", "loading": "being loaded", "cold": "not loaded", "failed": "cannot be loaded"}

ModelField = Annotated[str, Form()]


@router.get("")
def list_models(context: Context) -> HTMLResponse:
    """Show every model that can answer, with its state."""
    known = models.known_models(context)
    wishes = context.store.wishes.all()
    return render_page(
        TEMPLATES,
        "models",
        room="models",
        models=models.describe_all(known, context),
        tuned=TUNED,
        pinned={wish.model.name for wish in wishes if wish.pinned},
        served={model.name: model.served for model in known},
        states=STATE_NAMES,
    )


@router.post("/warm")
def keep_warm(context: Context, model: ModelField) -> RedirectResponse:
    """Load a model and keep it loaded."""
    models.keep_warm(model, context)
    return see_other("/models")


@router.post("/release")
def release(context: Context, model: ModelField) -> RedirectResponse:
    """Let a model go once nobody has asked it for a while."""
    models.release(model, context)
    return see_other("/models")


@router.get("/delete")
def confirm_delete(context: Context, model: str) -> HTMLResponse:
    """Ask whether to delete a model."""
    known = find_known(context, model)
    whole = not parse_model_name(model).variant
    loss = "Its weights are deleted, and it can no longer be asked. Its job and its report stay."
    return render_page(
        TEMPLATES,
        "confirm",
        room="models",
        question=f"Delete {known.name}?",
        lines=[loss if whole else "It is unloaded, and made again when somebody asks it."],
        action="/models/delete",
        fields={"model": known.name},
        choice=None,
        button="Delete it",
        back="/models",
    )


@router.post("/delete")
def delete(context: Context, caller: Caller, model: ModelField) -> RedirectResponse:
    """Delete a model."""
    models.delete(model, context, caller)
    return see_other("/models")
