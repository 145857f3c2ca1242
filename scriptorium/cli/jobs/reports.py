"""Commands for a job's report: open it, and show how its blind readers answer."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from scriptorium.cli.app import Json, app
from scriptorium.cli.jobs.ids import JobId, open_job
from scriptorium.cli.terminal import err, out, show, show_json, tabulate
from scriptorium.errors import Conflict
from scriptorium.local.writable import make_writable

Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to save the report in.")]


@app.command(epilog="Example: scriptorium report 1a2b", rich_help_panel="Jobs")
def report(
    job_id: JobId,
    output: Output = None,
    browse: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in a browser, or print the address.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Open a job's report in a browser; or save it in a file, with its blind readers' answers so far."""
    client, job_id = open_job(job_id)
    if output:
        save(client.report(job_id), output)
        show({"path": str(output)}, as_json, f"report: {output}")
        return
    job = client.job(job_id)
    path = (job["scriptorium"]["pages"] or {}).get("report")
    if path is None:
        raise Conflict(
            f"{job_id} has no report: it is {job['status']}.",
            next_step=f"Follow it with `scriptorium follow {job_id}`.",
        )
    address = f"{client.url}{path}"
    show({"url": address}, as_json, f"report: {address}")
    if browse and not as_json and not webbrowser.open(address):
        err.print("No browser opens here. `--output report.html` saves the page.")


@app.command(epilog="Example: scriptorium reading 1a2b", rich_help_panel="Jobs")
def reading(job_id: JobId, output: Output = None, as_json: Json = False) -> None:
    """Show the link to send to blind readers, and their answers so far."""
    client, job_id = open_job(job_id)
    tally = client.tally(job_id)
    if output:
        save(client.report(job_id), output)
    link = f"{client.url}{tally['page']}"
    if as_json:
        show_json({**tally, "link": link})
        return
    out.print(f"blind reading: {link}")
    for criterion in ("closer", "better") if tally["answers"] else ():
        out.print(tally[criterion]["summary"])
    tabulate({"reader": [entry["reader"] for entry in tally["readers"]],
              "pairs": [f"{entry['answered']} of {entry['total']}" for entry in tally["readers"]],
              "tuned closer": [entry["closer"]["tuned"] for entry in tally["readers"]],
              "base closer": [entry["closer"]["base"] for entry in tally["readers"]],
              "can't tell": [entry["closer"]["cannot_tell"] for entry in tally["readers"]]})  # fmt: skip


def save(page: str, output: Path) -> None:
    """Write a page into a file. Raises PathUnusable."""
    make_writable(output.absolute().parent, "--output")
    output.write_text(page, encoding="utf-8")
