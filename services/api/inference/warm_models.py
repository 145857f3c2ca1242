"""Models that are kept warm: wished for in the store, and noted on the volume, from which they are wished for again."""

from __future__ import annotations

import logging

from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import InvalidRequest, ModelMissing
from scriptorium.jobs.runner import Context
from scriptorium.models.warm_models import add_warm_model, read_warm_models, remove_warm_models
from services.api.inference.voices import find_models

log = logging.getLogger(__name__)


def keep_model_warm(context: Context, name: str) -> str:
    """Have a model loaded and kept warm; return the name under which it is served. Raises as `find_models` does."""
    *bases, model = find_models(context, name)
    with disk_errors():
        add_warm_model(context.volume.root, model.name)
    for base in bases:
        context.store.wishes.ask(base)
    context.store.wishes.ask(model, keep=True)
    return model.name


def release_model(context: Context, name: str) -> None:
    """Let a model go when nobody asks it for a while. Raises as `find_models` does."""
    model = find_models(context, name)[-1]
    with disk_errors():
        remove_warm_models(context.volume.root, [model.name])
    context.store.wishes.release(model)


def restore_warm_models(context: Context) -> list[str]:
    """Keep those models warm again that the volume names; return their names. One that is gone is forgotten."""
    restored, missing = [], []
    for name in read_warm_models(context.volume.root):
        try:
            restored.append(keep_model_warm(context, name))
        except (ModelMissing, InvalidRequest) as error:
            log.warning("%s is kept warm no longer: %s", name, error)
            missing.append(name)
    remove_warm_models(context.volume.root, missing)
    return restored
