"""`scriptorium search`: jobs and files by words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from scriptorium.cli.app import Json, app, connect
from scriptorium.cli.jobs.listing import describe_status, format_time, name_files, title_of
from scriptorium.cli.terminal import out, show_json, tabulate


@app.command(epilog="Example: scriptorium search poe draft", rich_help_panel="Jobs")
def search(
    words: Annotated[
        list[str], typer.Argument(metavar="WORD ...", help="Each must occur: in a title, file name, tag, model or id.")
    ],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many to list, newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Search jobs and files; capital letters and accents do not matter."""
    client = connect()
    matches = client.search(" ".join(words), limit)
    if as_json:
        show_json(matches)
        return
    names = name_files(client, [match for match in matches if is_job(match)])
    tabulate({"id": [match["id"] for match in matches],
              "title": [title_of(match, names) if is_job(match) else match["filename"] for match in matches],
              "created": [format_time(match["created_at"]) for match in matches],
              "status": [describe_status(match) if is_job(match) else "file" for match in matches],
              "tags": [", ".join(match["scriptorium"]["tags"]) if is_job(match) else "" for match in matches],
              })  # fmt: skip
    if not matches:
        out.print(f"Nothing has: {' '.join(words)}")


def is_job(match: Mapping[str, Any]) -> bool:
    """Return whether something that was found is a job, and not a file."""
    return str(match["object"]) == "fine_tuning.job"
