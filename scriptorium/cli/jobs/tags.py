"""`scriptorium tag`: a user's own words on a job."""

from __future__ import annotations

from typing import Annotated

import typer

from scriptorium.cli.app import Json, app
from scriptorium.cli.jobs.ids import JobId, complete_tag, open_job
from scriptorium.cli.terminal import show


@app.command(epilog='Example: scriptorium tag 1a2b draft "second book"', rich_help_panel="Jobs")
def tag(
    job_id: JobId,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORD ...", help="Without one, the tags are shown.", autocompletion=complete_tag),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove these tags.")] = False,
    as_json: Json = False,
) -> None:
    """Give a job tags, at any time; `scriptorium jobs --tag` and `search` find it by them."""
    client, job_id = open_job(job_id)
    if not words:
        job = client.job(job_id)
    else:
        job = client.tag(job_id, remove=words) if remove else client.tag(job_id, add=words)
    show(job, as_json, ", ".join(job["scriptorium"]["tags"]) or f"{job_id} has no tags")
