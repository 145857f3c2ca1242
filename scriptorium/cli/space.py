"""Commands for disk space: what takes it, list and delete files, delete a job, remove what nobody needs any more."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from scriptorium.artifacts.file_store import RESULT
from scriptorium.cli.app import Json, api_url, app, connect
from scriptorium.cli.client import Client
from scriptorium.cli.failures import StackMissing
from scriptorium.cli.jobs.ids import JobId, complete_file, open_job, resolve_file
from scriptorium.cli.jobs.listing import format_time
from scriptorium.cli.terminal import out, show, show_json, tabulate
from scriptorium.errors import Conflict
from scriptorium.process.control_characters import clean
from scriptorium.settings import Settings, get_settings

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


@app.command(epilog="Example: scriptorium files --delete 1a2b", rich_help_panel="Machine")
def files(
    results: Annotated[bool, typer.Option("--results", help="List what jobs have made, too.")] = False,
    removed: Annotated[
        str | None,
        typer.Option(
            "--delete",
            metavar="FILE",
            help="Delete this file: its id, or its last characters.",
            autocompletion=complete_file,
        ),
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """List the books that were sent, newest first; or delete one."""
    client = connect()
    if removed:
        file_id = resolve_file(client, removed)
        confirm(f"Delete {file_id} ({client.file(file_id)['filename']})?", yes)
        show(client.delete_file(file_id), as_json, f"{file_id}: deleted")
        return
    entries = [entry for entry in client.files() if results or entry["purpose"] != RESULT]
    if as_json:
        show_json(entries)
        return
    tabulate({"file": [entry["id"] for entry in entries],
              "name": [entry["filename"] for entry in entries],
              "size": [decimal(entry["bytes"]) for entry in entries],
              "created": [format_time(entry["created_at"]) for entry in entries]})  # fmt: skip


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal before something is lost for ever; exit if the answer is no. A script is not asked."""
    if not yes and sys.stdin.isatty():
        typer.confirm(clean(question), abort=True)


@app.command(epilog="Example: scriptorium delete 1a2b --manuscript", rich_help_panel="Machine")
def delete(
    job_id: JobId,
    manuscript: Annotated[
        bool, typer.Option("--manuscript", help="Also delete the uploads it was made from, unless others use them.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete a job that has ended, with its model, its report and all its files. This cannot be undone."""
    client, job_id = open_job(job_id)
    confirm(f"Delete {job_id} with its model and its report?", yes)
    deleted = client.delete(job_id, manuscript=manuscript)
    show(deleted, as_json, f"{job_id}: deleted, {decimal(deleted['scriptorium']['freed_bytes'])} freed")


@app.command("disk-use", epilog="Example: scriptorium disk-use --limit 5", rich_help_panel="Machine")
def show_disk_use(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many jobs to list, largest first.")] = 10,
    as_json: Json = False,
) -> None:
    """Show what takes the space on the disk: by kind, and the largest jobs."""
    use = connect().disk_use(limit)
    if as_json:
        show_json(use)
        return
    tabulate({"kind": [entry["kind"] for entry in use["kinds"]],
              "size": [decimal(entry["bytes"]) for entry in use["kinds"]]})  # fmt: skip
    tabulate({"job": [entry["job"] for entry in use["jobs"]],
              "size": [decimal(entry["bytes"]) for entry in use["jobs"]]})  # fmt: skip
    out.print(f"{decimal(use['total_bytes'])} used, {decimal(use['free_bytes'])} free")


@app.command(epilog="Example: scriptorium prune --dry-run", rich_help_panel="Machine")
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
    as_json: Json = False,
) -> None:
    """Remove what nobody needs any more: temporary folders of ended jobs, interrupted uploads, caches, old logs."""
    pruned = prune_data(get_settings(), dry_run=dry_run)
    if as_json:
        show_json(pruned)
        return
    kinds = [entry for entry in pruned["kinds"] if entry["count"]]
    tabulate({"kind": [entry["kind"].replace("_", " ") for entry in kinds],
              "count": [entry["count"] for entry in kinds],
              "size": [decimal(entry["bytes"]) for entry in kinds]})  # fmt: skip
    out.print(f"{decimal(pruned['freed_bytes'])} {'would be freed' if dry_run else 'freed'}")


def prune_data(settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Prune through the API; or, while the local stack is down, by the records in its data folder."""
    try:
        client = Client(api_url(settings), key=settings.api_key)
    except StackMissing:
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
