"""Commands for the machine: start and stop the local stack, show what runs, find problems, run the demo."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from scriptorium.cli.app import Json, app, err, out, show, tabulate
from scriptorium.cli.client import Client
from scriptorium.errors import Conflict
from scriptorium.settings import get_settings

NO_CARD_STATUS = 2
DEFAULT_CAP = 31.0  # GiB: a card that is sold with 32 has a little less for programs


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
    engines = [model for model in client.models() if model["status"] != "cold"]
    active = [job for job in client.jobs(100) if job["finished_at"] is None]
    if as_json:
        show({**state.model_dump(), "engines": engines, "jobs": active}, as_json, "")
        return
    out.print(f"{state.state}: {state.api_url}/v1")
    tabulate({"service": [entry.name for entry in state.services], "pid": [entry.pid for entry in state.services],
              "restarts": [entry.restarts for entry in state.services]})  # fmt: skip
    tabulate({"engine": [entry["id"] for entry in engines], "status": [entry["status"] for entry in engines]})
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


@app.command("gpu-check")
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
