"""Commands for the machine: start and stop the local stack, show what runs, find problems, run the demo."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated

import typer

from scriptorium.cli.app import Json, app, err, out, show, tabulate
from scriptorium.cli.client import Client
from scriptorium.errors import Conflict
from scriptorium.settings import get_settings


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 means any free one.")] = None,
    as_json: Json = False,
) -> None:
    """Start the local stack in the background: Redis, the API, a worker per service, and vLLM on demand."""
    from scriptorium.local.stack import up as start

    settings = get_settings() if port is None else get_settings().model_copy(update={"api_port": port})
    state = start(settings, notify=err.print)
    show(state.model_dump(), as_json, f"Ready: {state.api_url}/v1 (data in {settings.data_dir})")


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the local stack; jobs continue where they stopped at the next `up`."""
    from scriptorium.local.stack import down as stop

    stopped = stop(get_settings(), notify=err.print)
    show({"stopped": stopped}, as_json, "Stopped." if stopped else "Nothing is running.")


@app.command()
def status(as_json: Json = False) -> None:
    """Show what runs: services, engines and jobs. The exit status is 3 if nothing runs."""
    from scriptorium.local.state import find_running

    state = find_running(get_settings())
    if state is None:
        show({"state": "down"}, as_json, "Nothing is running.")
        raise typer.Exit(3)
    client = Client(state.api_url)
    engines = [model for model in client.models() if model["state"] != "idle"]
    active = [job for job in client.jobs(100) if job["finished_at"] is None]
    if as_json:
        show({**state.model_dump(), "engines": engines, "jobs": active}, as_json, "")
        return
    out.print(f"{state.state}: {state.api_url}/v1")
    tabulate({"service": [entry.name for entry in state.services], "pid": [entry.pid for entry in state.services],
              "restarts": [entry.restarts for entry in state.services]})  # fmt: skip
    tabulate({"engine": [entry["id"] for entry in engines], "state": [entry["state"] for entry in engines]})
    tabulate({"job": [job["id"] for job in active], "status": [job["status"] for job in active],
              "phase": [job["scriptorium"]["phase"] for job in active]})  # fmt: skip


@app.command()
def logs(
    service: Annotated[
        str, typer.Argument(help="redis, api, data, trainer, merger, server, evaluator, supervisor, ...")
    ],
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines to print, from the end.")] = 50,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines.")] = False,
) -> None:
    """Print the end of a service's log."""
    from scriptorium.process.child import follow_lines, tail

    folder = get_settings().data_dir / "logs"
    known = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if service not in known:
        raise Conflict(f"There is no log of {service!r}. Available: {', '.join(known) or 'none'}.", param="SERVICE")
    for line in tail(known[service], lines):
        out.out(line)
    for line in follow_lines(known[service]) if follow_on else ():
        out.out(line)


@app.command()
def doctor(
    service: Annotated[str | None, typer.Option(help="What to examine: host, trainer, server, ...")] = None,
    as_json: Json = False,
) -> None:
    """Examine this machine, or this container, and print what to fix. The exit status is 1 if a check fails."""
    from scriptorium.cli.doctor import find_subject, print_findings
    from scriptorium.doctor import CheckStatus, examine

    findings = examine(find_subject(get_settings(), service))
    if as_json:
        show([asdict(finding) for finding in findings], as_json, "")
    else:
        print_findings(findings, out)
    if any(finding.status is CheckStatus.FAIL for finding in findings):
        raise typer.Exit(1)


@app.command()
def restore(as_json: Json = False) -> None:
    """Rebuild lost job records from the data folder."""
    from scriptorium.jobs.restore import restore_jobs
    from scriptorium.jobs.runner import open_context

    restored = restore_jobs(open_context())
    show({"restored": restored}, as_json, f"{len(restored)} job(s) restored.")


@app.command()
def demo() -> None:
    """Run the whole pipeline: a real book, a small model, a few minutes, a report. Leaves nothing running."""
    from scriptorium.cli.demo import demo as run_demo

    started = time.monotonic()
    report = run_demo()
    out.print(f"The demo took {time.monotonic() - started:.0f} s.")
    out.print(f"report: {report}")
