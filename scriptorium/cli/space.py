"""Commands that free disk space: delete a job, remove what nobody needs any more."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.filesize import decimal

from scriptorium.cli.app import Json, api_url, app, connect, out, show, tabulate
from scriptorium.cli.client import Client
from scriptorium.cli.jobs import JobId
from scriptorium.errors import Conflict
from scriptorium.settings import Settings, get_settings


@app.command()
def delete(
    job_id: JobId,
    manuscript: Annotated[
        bool, typer.Option("--manuscript", help="Also delete the uploads it was made from, unless others use them.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Delete a job that has ended, with its model, its report and all its files. This cannot be undone."""
    deleted = connect().delete(job_id, manuscript=manuscript)
    show(deleted, as_json, f"{job_id}: deleted, {decimal(deleted['scriptorium']['freed_bytes'])} freed")


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what nobody needs any more: temporary folders of ended jobs, interrupted uploads, caches, old logs."""
    pruned = prune_data(get_settings(), dry_run=dry_run)
    if as_json:
        show(pruned, as_json, "")
        return
    kinds = [entry for entry in pruned["kinds"] if entry["count"]]
    tabulate({"kind": [entry["kind"].replace("_", " ") for entry in kinds],
              "count": [entry["count"] for entry in kinds],
              "size": [decimal(entry["bytes"]) for entry in kinds]})  # fmt: skip
    out.print(f"{decimal(pruned['freed_bytes'])} {'would be freed' if dry_run else 'freed'}")


def prune_data(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Prune through the API; or, while the local stack is down, by the records in its data folder."""
    try:
        client = Client(api_url(settings))
    except Conflict:
        if settings.redis_url:
            raise  # its jobs may be at work elsewhere
        return prune_stopped_stack(settings, dry_run=dry_run)
    return client.prune(dry_run=dry_run)


def prune_stopped_stack(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Prune the data folder of a stack that is down, and keep it down meanwhile. Raises Conflict if it is starting."""
    from scriptorium.artifacts.volume import Volume
    from scriptorium.jobs.leftovers import prune as prune_volume
    from scriptorium.jobs.leftovers import render_pruned, saved_records
    from scriptorium.local.state import lock

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock_file = lock(settings)
    if lock_file is None:
        raise Conflict("The stack is starting or stopping.", next_step="Try again in a few seconds.")
    with lock_file:
        volume = Volume(settings.data_dir, settings.models)
        pruned = prune_volume(volume, saved_records(volume), settings, dry_run=dry_run)
    return render_pruned(pruned, volume.root, dry_run=dry_run)
