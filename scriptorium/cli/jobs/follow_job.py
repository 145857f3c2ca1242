"""Commands that watch a job: `follow` until its report is there, and `logs` of a job or of a service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from scriptorium.cli.app import Json, app
from scriptorium.cli.client import Client
from scriptorium.cli.failures import ExitStatus
from scriptorium.cli.follow import EventPrinter, fetch_results, follow
from scriptorium.cli.jobs.ids import JobId, complete_job, open_job
from scriptorium.cli.terminal import err, out, show_json
from scriptorium.errors import Conflict, JobMissing
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.local.writable import make_writable
from scriptorium.process.child import follow_lines, tail
from scriptorium.settings import get_settings

REPORTS = Path("reports")


@app.command(name="follow", epilog="Example: scriptorium follow 1a2b --output my-report", rich_help_panel="Jobs")
def follow_job(
    job_id: JobId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the report.")] = None,
    as_json: Json = False,
) -> None:
    """Show a job's events from the beginning, and download its report."""
    check_report_folder(output)
    client, job_id = open_job(job_id)
    follow_to_report(client, job_id, output, as_json=as_json)


def check_report_folder(output: Path | None) -> None:
    """Raise PathUnusable if the report could not be written at the end."""
    make_writable(output or REPORTS, "--output")


def follow_to_report(client: Client, job_id: str, output: Path | None, *, as_json: bool) -> None:
    """Follow a job; download its report if it succeeds, and exit with status 1 if it does not."""
    try:
        job = follow(client, job_id, out, as_json=as_json)
    except KeyboardInterrupt:
        err.print(f"\nThe job continues. Follow it again with: scriptorium follow {job_id}")
        raise typer.Exit(ExitStatus.INTERRUPTED) from None
    if job["status"] != "succeeded":
        print_end(job)
        raise typer.Exit(ExitStatus.FAILED)
    paths = fetch_results(client, job, output or REPORTS / job_id)
    if not as_json:
        out.print(f"model: {job['fine_tuned_model']}")
        out.print(f"sample passages: {client.url}{job['scriptorium']['pages']['samples']}")
        out.print(f"blind reading: {client.url}{job['scriptorium']['pages']['read']}")
        out.print(f"report: {next(path for path in paths if path.name == 'report.html')}")


def print_end(job: dict[str, Any]) -> None:
    """Print why a job did not succeed, and what to do."""
    error = job.get("error") or {}
    reason = f": {error['message']} ({error['code']})" if error else "."
    err.print(f"{job['id']} {job['status']}{reason}", style="red")
    if next_step := error.get("next_step"):
        err.print(f"next step: {next_step}")


@app.command(epilog="Example: scriptorium logs 1a2b --follow, or: scriptorium logs trainer", rich_help_panel="Jobs")
def logs(
    name: Annotated[
        str,
        typer.Argument(
            metavar="JOB|SERVICE",
            help="A job's id or its last characters; or a service of the local stack: api, data, trainer, server, ...",
            autocompletion=complete_job,
        ),
    ],
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many to print, from the end.")] = 50,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new ones.")] = False,
    as_json: Json = False,
) -> None:
    """Print the end of a job's log of events, or of a service's log."""
    services = find_logs()
    if name in services:
        print_service_log(services[name], lines, follow_on=follow_on, as_json=as_json)
        return
    try:
        client, job_id = open_job(name)
    except (Conflict, JobMissing) as error:
        if name.startswith(JOB_PREFIX) or not isinstance(error, JobMissing):
            raise
        known = f"Name a job, or one of: {', '.join(services)}." if services else "List the jobs: `scriptorium jobs`."
        raise JobMissing(f"There is no job and no service {name}.", param="JOB|SERVICE", next_step=known) from None
    print_job_log(client, job_id, lines, follow_on=follow_on, as_json=as_json)


def find_logs() -> dict[str, Path]:
    """Return the logs of the local stack's services by their names."""
    return {path.stem: path for path in sorted((get_settings().data_dir / "logs").glob("*.log"))}


def print_service_log(log: Path, lines: int, *, follow_on: bool, as_json: bool) -> None:
    """Print the end of a service's log, then what is added to it."""

    def print_line(line: str) -> None:
        show_json({"line": line}) if as_json else out.out(line)

    for line in tail(log, lines):
        print_line(line)
    for line in follow_lines(log) if follow_on else ():
        print_line(line)


def print_job_log(client: Client, job_id: str, lines: int, *, follow_on: bool, as_json: bool) -> None:
    """Print the last events of a job, then those that come until it ends."""
    events = client.latest_events(job_id, lines)
    with EventPrinter(out, as_json=as_json, every_step=True) as printer:
        for event in events:
            printer.print_event(event)
        last_id = events[-1]["id"] if events else None
        for event in client.events(job_id, last_id, printer.print_loss) if follow_on else ():
            printer.print_event(event)
