"""Base models by name: a folder on the volume, or a repository of the Hugging Face hub, fetched to its cache."""

from __future__ import annotations

import re
from pathlib import Path

from scriptorium.errors import BaseModelUnusable, ModelMissing
from scriptorium.models.download import FetchReporter
from scriptorium.models.fetch import fetch_model
from scriptorium.models.hub_cache import CachedModel
from scriptorium.models.weights import refuse_pickles

MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


def local_models(models: Path) -> list[str]:
    """Return the names of the base models on the volume."""
    return sorted(path.parent.name for path in models.glob("*/config.json"))


def check_model(name: str, models: Path) -> None:
    """Refuse at once a name that cannot be a base model; `obtain_model` finds out whether the hub has it."""
    if not MODEL_NAME.fullmatch(name) or ".." in name:
        raise ModelMissing(f"{name!r} is not a model's name.", param="model")
    if "/" not in name and name not in local_models(models):
        names = ", ".join(local_models(models)) or "none"
        raise ModelMissing(
            f"There is no base model {name!r} on this machine (available: {names}).",
            param="model",
            next_step="Put its folder into models/ on the volume, or name a model of the hub as organisation/model.",
        )


def locate_model(name: str, models: Path) -> Path:
    """Return the folder of a base model that is on this machine. Raises BaseModelUnusable."""
    folder = models / name if name in local_models(models) else CachedModel(name).snapshot()
    if folder is None:
        raise BaseModelUnusable(
            f"The base model {name} is not on this machine.",
            param="model",
            next_step="Create the job again, so that the model is fetched; for a second machine, see "
            "docs/operations.md.",
        )
    return folder


def obtain_model(name: str, models: Path, reporter: FetchReporter) -> Path:
    """Return the folder of a base model, fetched from the hub if need be.

    Raises as `fetch_model` does, and BaseModelUnusable for pickled weights: of the hub none are fetched.
    """
    if name not in local_models(models):
        return fetch_model(name, reporter)
    refuse_pickles(models / name)
    return models / name
