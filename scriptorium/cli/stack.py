"""Commands for the machine: start and stop the local stack, show what runs, find problems, run the demo."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from scriptorium.cli.app import Json, app, connect
from scriptorium.cli.failures import ExitStatus, StackMissing
from scriptorium.cli.jobs.listing import describe_progress, describe_status
from scriptorium.cli.terminal import err, out, show, show_json, tabulate
from scriptorium.errors import Conflict
from scriptorium.local.state import find_running
from scriptorium.settings import get_settings

NO_CARD_STATUS = 2
DEFAULT_CAP = 31.0  # GiB: a card that is sold with 32 has a little less for programs


@app.command(epilog="Example: scriptorium up --port 8500", rich_help_panel="Machine")
def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 means any free one.")] = None,
    as_json: Json = False,
) -> None:
    """Start the local stack in the background: Redis, the API, a worker per service, and vLLM on demand."""
    from scriptorium.local.stack import up as start

    settings = get_settings() if port is None else get_settings().model_copy(update={"api_port": port})
    if port and (running := find_running(settings)) and urlsplit(running.api_url).port != port:
        raise Conflict(
            f"The stack already runs, at {running.api_url}.",
            param="--port",
            next_step=f"Stop it first: `scriptorium down && scriptorium up --port {port}`.",
        )
    state = start(settings, notify=err.print)
    show(state.model_dump(), as_json, f"Ready: {state.api_url}/v1 (data in {settings.data_dir})")


@app.command(epilog="Example: scriptorium down", rich_help_panel="Machine")
def down(as_json: Json = False) -> None:
    """Stop the local stack; jobs continue where they stopped at the next `up`."""
    from scriptorium.local.stack import down as stop

    stopped = stop(get_settings(), notify=err.print)
    show({"stopped": stopped}, as_json, "Stopped." if stopped else "Nothing is running.")


@app.command(epilog="Example: scriptorium status", rich_help_panel="Machine")
def status(as_json: Json = False) -> None:
    """Show what runs: services, engines and jobs. The exit status is 3 if nothing runs."""
    state = find_running(get_settings())
    try:
        client = connect()
    except StackMissing:
        show({"state": "down"}, as_json, "Nothing is running.")
        raise typer.Exit(ExitStatus.NOT_RUNNING) from None
    engines = [model for model in client.models() if model["status"] != "cold"]
    active = [job for job in client.jobs(100) if job["finished_at"] is None]
    described = state.model_dump() if state else {"state": "ready", "api_url": client.url}
    if as_json:
        show_json({**described, "engines": engines, "jobs": active})
        return
    out.print(f"{described['state']}: {client.url}/v1")
    services = state.services if state else []  # those of containers are Docker's to list
    tabulate({"service": [entry.name for entry in services], "pid": [entry.pid for entry in services],
              "restarts": [entry.restarts for entry in services]})  # fmt: skip
    tabulate({"engine": [entry["id"] for entry in engines], "status": [entry["status"] for entry in engines]})
    tabulate({"job": [job["id"] for job in active], "status": [describe_status(job) for job in active],
              "progress": [describe_progress(job) for job in active]})  # fmt: skip


@app.command(epilog="Example: scriptorium doctor --service trainer", rich_help_panel="Machine")
def doctor(
    service: Annotated[str | None, typer.Option(help="What to examine: host, trainer, server, ...")] = None,
    containers: Annotated[
        bool, typer.Option("--containers", help="Docker must work: what is wrong with it is a failure.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Examine this machine, or this container, and print what to fix. The exit status is 1 if a check fails."""
    from scriptorium.cli.doctor import find_subject, print_findings
    from scriptorium.doctor import CheckStatus, examine

    findings = examine(find_subject(get_settings(), service, docker=containers))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings, out)
    if any(finding.status is CheckStatus.FAIL for finding in findings):
        raise typer.Exit(1)


@app.command("gpu-check", epilog="Example: scriptorium gpu-check --step train", rich_help_panel="Machine")
def gpu_check(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="New folder for the record; default: gpu-check-DATE.")
    ] = None,
    step: Annotated[list[str] | None, typer.Option(help="Take only this step; may be repeated.")] = None,
    cap_gib: Annotated[float, typer.Option(min=1, help="Memory that a training may take, in GiB.")] = DEFAULT_CAP,
    device: Annotated[Literal["auto", "cpu"], typer.Option(help="cpu: try the check itself, without a card.")] = "auto",
    shape: Annotated[Literal["8b", "tiny"], typer.Option(help="The model that is trained; tiny for a trial.")] = "8b",
    as_json: Json = False,
) -> None:
    """Check this machine's card with every phase: speed, memory beside the plan, hand-over. A quarter of an hour.

    The exit status is 1 if a step failed, and 2 without a card.
    """
    from scriptorium.cli.demo import run_small_job
    from scriptorium.gpu_check.check import STEPS
    from scriptorium.gpu_check.record import NO_CARD
    from scriptorium.gpu_check.start import check_card

    if unknown := [name for name in step or () if name not in STEPS]:
        raise typer.BadParameter(f"{unknown[0]!r} is none of: {', '.join(STEPS)}", param_hint="--step")
    on_cpu, steps = device == "cpu", step or ()
    record = check_card(
        output, shape=shape, cap_gib=cap_gib, steps=steps, on_cpu=on_cpu, run_job=run_small_job, notify=err.print
    )
    if record.card == NO_CARD:
        err.print("There is no NVIDIA card that the driver reports. `scriptorium doctor` says what is missing.")
    elif not as_json:
        out.print(f"record: {record.folder}")
    show(record.as_json(), as_json, record.last_line())
    raise typer.Exit(NO_CARD_STATUS if record.card == NO_CARD else int(record.failed))


@app.command(epilog="Example: scriptorium restore", rich_help_panel="Machine")
def restore(as_json: Json = False) -> None:
    """Rebuild lost job records from the data folder, and serve again what was kept warm."""
    from scriptorium.jobs.restore import restore_jobs
    from scriptorium.jobs.runner import open_context
    from services.api.inference.warm_models import restore_warm_models

    context = open_context()
    restored, warm = restore_jobs(context), restore_warm_models(context)
    text = f"{len(restored)} job(s) restored, {len(warm)} model(s) kept warm."
    show({"restored": restored, "warm": warm}, as_json, text)


@app.command(epilog="Example: scriptorium demo", rich_help_panel="Machine")
def demo(as_json: Json = False) -> None:
    """Run the whole pipeline: a real book, a small model, a few minutes, a report. Leaves nothing running."""
    from scriptorium.cli.demo import demo as run_demo

    started = time.monotonic()
    report = run_demo(err if as_json else out)
    seconds = time.monotonic() - started
    text = f"The demo took {seconds:.0f} s.\nreport: {report}"
    show({"seconds": seconds, "report": str(report)}, as_json, text)
