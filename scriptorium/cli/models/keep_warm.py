"""`scriptorium serve MODEL` on a running stack: the model is loaded there and kept warm, until it is released."""

from __future__ import annotations

import time
from collections.abc import Callable

import typer

from scriptorium.cli.app import connect
from scriptorium.cli.client import ApiError, Client
from scriptorium.cli.failures import StackMissing
from scriptorium.cli.terminal import out, show
from scriptorium.errors import EngineFailed, ModelMissing

POLL_INTERVAL = 1.0  # seconds


def find_stack(model: str) -> Client | None:
    """Return a client of the running stack if that knows the model; None if there is none, or it does not."""
    try:
        client = connect()
        client.model(model)
    except StackMissing:
        return None
    except ApiError as error:
        if error.code != ModelMissing.code:
            raise
        return None
    return client


def keep_warm(client: Client, model: str, report: Callable[[str], None], *, as_json: bool) -> None:
    """Have a model loaded, and wait until it answers. Raises EngineFailed with the reason if it cannot be loaded."""
    client.keep_warm(model)
    while (entry := client.model(model))["status"] != "warm":
        if entry["status"] == "failed":
            raise EngineFailed(f"{model} cannot be loaded: {entry['reason']}")
        report(f"{entry['status']}{': ' + entry['reason'] if entry['reason'] else ''}")
        time.sleep(POLL_INTERVAL)
    text = f"{model} answers at {client.url}. It is kept warm until `scriptorium serve MODEL --release`."
    show(entry, as_json, text)


def release(client: Client | None, model: str, *, as_json: bool) -> None:
    """Let a model go when nobody asks it for a while."""
    if client is None:
        out.print(f"No running stack knows {model}.")
        raise typer.Exit(1)
    show(client.release(model), as_json, f"{model} is unloaded once nobody has asked it for a while.")
