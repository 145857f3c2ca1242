"""`scriptorium keys`: create, list and revoke the keys of the API. The commands work on the data folder itself."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import AccessKey, KeyScope
from scriptorium.cli.app import Json, app
from scriptorium.cli.jobs.listing import format_time
from scriptorium.cli.terminal import err, out, show, show_json, tabulate
from scriptorium.settings import get_settings

keys_app = typer.Typer(no_args_is_help=True, help="Keys of the API: who may ask it for what.")
app.add_typer(keys_app, name="keys", rich_help_panel="Machine")

DURATION = re.compile(r"(\d{1,5})([hdw])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
DEFAULT_SCOPES = (KeyScope.READ, KeyScope.SUBMIT, KeyScope.CHAT)


def parse_duration(text: str) -> timedelta:
    """Return a duration such as 12h, 90d or 4w; a usage error for anything else."""
    match = DURATION.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter("must be hours, days or weeks, such as 12h, 90d or 4w")
    return int(match[1]) * UNITS[match[2]]


@keys_app.command(epilog="Example: scriptorium keys create laptop --scope read --scope chat --expires 90d")
def create(
    name: Annotated[str, typer.Argument(help="Who or what uses the key.")],
    scopes: Annotated[
        list[KeyScope] | None,
        typer.Option(
            "--scope", help="What it may do; repeatable. Default: read, submit and chat; admin is everything."
        ),
    ] = None,
    expires: Annotated[
        timedelta | None, typer.Option(metavar="DURATION", parser=parse_duration, help="Until when it is valid: 90d.")
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="How many requests it may send in a minute; without it, any number.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create a key and print its secret, once: nothing keeps it. From the first key on, the API needs one."""
    key, secret = open_key_store(get_settings()).create(name, scopes or DEFAULT_SCOPES, expires, requests_per_minute)
    if not as_json:
        err.print(f"{key.id} ({', '.join(key.scopes)}); this is its secret, which is shown only now:")
    show({**describe_key(key), "secret": secret}, as_json, secret)


@keys_app.command("list", epilog="Example: scriptorium keys list")
def list_keys(as_json: Json = False) -> None:
    """List the keys, newest first, those included that have expired or were revoked."""
    keys = open_key_store(get_settings()).newest()
    if as_json:
        show_json([describe_key(key) for key in keys])
        return
    tabulate({"key": [key.id for key in keys],
              "name": [key.name for key in keys],
              "scopes": [" ".join(key.scopes) for key in keys],
              "a minute": [key.requests_per_minute or "any" for key in keys],
              "state": [key.state for key in keys],
              "created": [format_time(key.created_at) for key in keys],
              "expires": [format_time(key.expires_at) if key.expires_at else "never" for key in keys]})  # fmt: skip
    if not keys:
        out.print("There are no keys: the API answers this machine alone, and needs none.")


@keys_app.command(epilog="Example: scriptorium keys revoke key_0644...")
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id.")], as_json: Json = False) -> None:
    """Revoke a key, at once and for ever, with the logins that were made with it."""
    key = open_key_store(get_settings()).revoke(key_id)
    show(describe_key(key), as_json, f"{key.id} ({key.name}): revoked")


def describe_key(key: AccessKey) -> dict[str, object]:
    """Return what may be shown of a key: everything but the hash."""
    return {**key.model_dump(mode="json", exclude={"sha256"}), "state": key.state}
