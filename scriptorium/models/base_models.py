"""Base models by name: a folder on the volume, or a repository of the Hugging Face hub, downloaded to its cache."""

from __future__ import annotations

import re
from pathlib import Path

from scriptorium.errors import BaseModelUnusable, ModelMissing

MODEL_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
DOWNLOAD_PATTERNS = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt"]


def local_models(models: Path) -> list[str]:
    """Return the names of the base models on the volume."""
    return sorted(path.parent.name for path in models.glob("*/config.json"))


def check_model(name: str, models: Path) -> None:
    """Refuse at once a name that cannot be a base model; `locate_model` finds out whether the hub has it."""
    if not MODEL_NAME.fullmatch(name) or ".." in name:
        raise ModelMissing(f"{name!r} is not a model's name.", param="model")
    if "/" not in name and name not in local_models(models):
        names = ", ".join(local_models(models)) or "none"
        raise ModelMissing(
            f"There is no base model {name!r} on this machine (available: {names}).",
            param="model",
            next_step="Put its folder into models/ on the volume, or name a model of the hub as organisation/model.",
        )


def locate_model(name: str, models: Path, *, fetch: bool = False) -> Path:
    """Return the folder of a base model; with `fetch`, download a missing one.

    Raises BaseModelUnusable if it is neither on this machine nor available.
    """
    if name in local_models(models):
        return models / name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=DOWNLOAD_PATTERNS, local_files_only=not fetch))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise BaseModelUnusable(
            f"The base model {name} is not on this machine and could not be downloaded: {first_line(error)}",
            param="model",
            next_step="Check the network and the name, and set HF_TOKEN if the licence requires it.",
        ) from error


def first_line(error: Exception) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
