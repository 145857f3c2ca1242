"""Base models by name: a folder on the volume, or a repository of the Hugging Face hub, fetched once into its cache."""

from __future__ import annotations

import re
from pathlib import Path

from scriptorium.errors import BaseModelUnusable, ModelMissing

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
PATTERNS = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model", "merges.txt"]


def local_models(models: Path) -> list[str]:
    """The names of the base models on the volume."""
    return sorted(path.parent.name for path in models.glob("*/config.json"))


def check_model(name: str, models: Path) -> None:
    """Refuse a name that can be no base model, at once; whether the hub has it is found out by `locate`."""
    if not NAME.fullmatch(name) or ".." in name:
        raise ModelMissing(f"{name!r} is not a model's name.", param="model")
    if "/" not in name and name not in local_models(models):
        have = ", ".join(local_models(models)) or "none"
        raise ModelMissing(
            f"There is no base model {name!r} on this machine (there: {have}).",
            param="model",
            next_step="Put its folder into models/ on the volume, or name one of the hub as organisation/model.",
        )


def locate(name: str, models: Path, *, fetch: bool = False) -> Path:
    """The folder of a base model; with `fetch` it is downloaded where it is missing.

    Raises BaseModelUnusable where it is neither here nor to be had.
    """
    if name in local_models(models):
        return models / name
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=PATTERNS, local_files_only=not fetch))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise BaseModelUnusable(
            f"The base model {name} is not on this machine and could not be fetched: {first_line(error)}",
            param="model",
            next_step="Is the machine online, is the name right, and is HF_TOKEN set where the licence asks for it?",
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
