"""The base model of a job whose owner names none, on a machine that may be too small for the default one."""

from __future__ import annotations

from scriptorium.cli.client import Client
from scriptorium.cli.terminal import err
from scriptorium.errors import InvalidRequest
from scriptorium.models.model_name import TUNED
from scriptorium.settings import Settings
from scriptorium.urls import is_loopback


def choose_base(model: str | None, settings: Settings, client: Client) -> str:
    """Return the base that is named, or the default one; without a GPU the only base here. Raises InvalidRequest.

    The default was chosen for a GPU. One that the settings name is the user's own choice, and the machine of an API
    elsewhere is not known here.
    """
    if model:
        return model
    if settings.gpu or "default_model" in settings.model_fields_set or not is_loopback(client.url):
        return settings.default_model
    bases = [str(entry["id"]) for entry in client.models() if not entry["id"].startswith(TUNED)]
    small = [name for name in bases if name != settings.default_model]
    if len(small) == 1:
        err.print(f"base: {small[0]}, because this machine has no GPU for {settings.default_model}")
        return small[0]
    choice = f"Name one of these with --model: {', '.join(small)}." if small else (
        f"Put a small model's folder into {settings.models}, or name one with --model ORGANISATION/NAME."
    )  # fmt: skip
    raise InvalidRequest(
        f"The default base model, {settings.default_model}, needs a GPU, and this machine has none.",
        param="--model",
        next_step=choice,
    )
