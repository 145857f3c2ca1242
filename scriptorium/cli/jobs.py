"""Commands for jobs: send a book, follow the job, answer its questions, download its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from scriptorium.cli import by_hand
from scriptorium.cli.app import (
    Assignments,
    Impostors,
    Json,
    Model,
    RecipeName,
    Strength,
    app,
    connect,
    err,
    out,
    show,
    tabulate,
)
from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_results, follow
from scriptorium.cli.manuscript import open_manuscript
from scriptorium.cli.plan import announce_plan
from scriptorium.errors import Conflict
from scriptorium.planning.default_recipe import AUTO
from scriptorium.recipe_overrides import parse_assignments
from scriptorium.settings import get_settings

JobId = Annotated[str, typer.Argument(help="The job's id, ftjob-...")]


@app.command()
def run(
    book: Annotated[
        Path, typer.Argument(help="A book (.txt, .md, .docx, .epub, .html), rows (.jsonl), or a .zip or folder.")
    ],
    model: Model = None,
    recipe: RecipeName = None,
    assignments: Assignments = None,
    suffix: Annotated[str | None, typer.Option("--suffix", "-s", help="Part of the tuned model's name.")] = None,
    impostors: Impostors = None,
    priority: Annotated[
        int, typer.Option(min=-10, max=10, help="Who gets a free GPU first: higher before lower, then by time.")
    ] = 0,
    strength: Strength = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the report.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the job's id and do not wait for the job.")] = False,
    as_json: Json = False,
) -> None:
    """Send a book and follow the job until its report is there. Ctrl-C leaves the job running."""
    settings, client = get_settings(), connect()
    recipe_name = recipe or settings.default_recipe
    overrides = parse_assignments(assignments or [])
    with open_manuscript(book) as (name, content):
        file = client.upload(content, name)
    extra_fields = {}
    if impostors:
        with open_manuscript(impostors) as (name, content):
            extra_fields = {"impostors": client.upload(content, name)["id"]}
    body: dict[str, Any] = extra_fields | {
        "model": model or settings.default_model,
        "training_file": file["id"],
    }
    if recipe_name != AUTO:  # otherwise the API chooses, which knows the GPUs
        body["recipe"] = recipe_name
    if Path(recipe_name).suffix in (".yaml", ".yml"):
        body["recipe"] = by_hand.resolve_recipe(recipe_name, settings).model_dump()
    body |= {"priority": priority} if priority else {}
    body |= {"strength": strength} if strength else {}
    body |= {"overrides": overrides} if overrides else {}
    announce_plan(client, body)
    job = client.create(body | ({"suffix": suffix} if suffix else {}))
    if detach:
        show(job, as_json, job["id"])
        return
    follow_to_report(client, job["id"], output, as_json=as_json)


@app.command(name="follow")
def follow_job(
    job_id: JobId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for the report.")] = None,
    as_json: Json = False,
) -> None:
    """Show a job's events from the beginning, and download its report."""
    follow_to_report(connect(), job_id, output, as_json=as_json)


def follow_to_report(client: Client, job_id: str, output: Path | None, *, as_json: bool) -> None:
    """Follow a job; download its report if it succeeds, and exit with status 1 if it does not."""
    try:
        job = follow(client, job_id, out, as_json=as_json)
    except KeyboardInterrupt:
        err.print(f"\nThe job continues. Follow it again with: scriptorium follow {job_id}")
        raise typer.Exit(130) from None
    if job["status"] != "succeeded":
        raise typer.Exit(1)
    paths = fetch_results(client, job, output or Path("reports") / job_id)
    if not as_json:
        out.print(f"model: {job['fine_tuned_model']}")
        out.print(f"sample passages: {client.url}{job['scriptorium']['pages']['samples']}")
        out.print(f"blind reading: {client.url}{job['scriptorium']['pages']['read']}")
        out.print(f"report: {next(path for path in paths if path.name == 'report.html')}")


@app.command()
def jobs(
    limit: Annotated[int, typer.Option(help="How many to list, newest first.")] = 20, as_json: Json = False
) -> None:
    """List jobs."""
    listed = connect().jobs(limit)
    if as_json:
        show(listed, as_json, "")
        return
    priorities = [job["scriptorium"]["priority"] or "" for job in listed]
    tabulate({"job": [job["id"] for job in listed], "status": [describe_status(job) for job in listed],
              **({"priority": priorities} if any(priorities) else {}),
              "model": [job["model"] for job in listed],
              "tuned model": [job["fine_tuned_model"] or "" for job in listed]})  # fmt: skip


def describe_status(job: Mapping[str, Any]) -> str:
    """Describe a job's status, and whether it waits for an answer or is about to pause."""
    status, extension = str(job["status"]), job["scriptorium"]
    if extension["decision"]:
        return f"{status}, asks: {extension['decision']}"
    return f"{status}, pausing" if extension["pause_requested"] and status != "paused" else status


@app.command()
def cancel(job_id: JobId, as_json: Json = False) -> None:
    """Stop a job."""
    job = connect().cancel(job_id)
    show(job, as_json, f"{job_id}: {job['status']}")


@app.command()
def pause(job_id: JobId, as_json: Json = False) -> None:
    """Stop a job until it is resumed, and free its device; a training saves a checkpoint of its present step."""
    job = connect().pause(job_id)
    show(job, as_json, f"{job_id}: {describe_status(job)}")


@app.command()
def resume(job_id: JobId, as_json: Json = False) -> None:
    """Let a paused job go on where it stopped."""
    job = connect().resume(job_id)
    show(job, as_json, f"{job_id}: {describe_status(job)}")


@app.command()
def decide(
    job_id: JobId,
    answer: Annotated[
        str | None, typer.Argument(help="The name of an option. Without one, the question is shown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer a job's question, so that the job continues."""
    client = connect()
    question = next((decision for decision in client.decisions(job_id) if not decision["answer"]), None)
    if question is None:
        raise Conflict(f"{job_id} has no open question.", next_step=f"Follow it with `scriptorium follow {job_id}`.")
    if answer:
        job = client.decide(job_id, question["kind"], answer)
        show(job, as_json, f"{job_id}: {job['status']}")
        return
    show(question, as_json, f"{question['question']} {question['reason']}")
    if not as_json:
        tabulate({"option": [option["name"] for option in question["options"]],
                  "meaning": [option["meaning"] for option in question["options"]]})  # fmt: skip
        out.print(f"recommended: {question['recommended']}")


@app.command()
def reading(
    job_id: JobId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to save the report in.")] = None,
    as_json: Json = False,
) -> None:
    """Show the link to send to blind readers, and their answers so far."""
    client = connect()
    tally = client.tally(job_id)
    if output:
        output.write_text(client.report(job_id), encoding="utf-8")
    link = f"{client.url}{tally['page']}"
    if as_json:
        show({**tally, "link": link}, as_json, "")
        return
    out.print(f"blind reading: {link}")
    for criterion in ("closer", "better") if tally["answers"] else ():
        out.print(tally[criterion]["summary"])
    tabulate({"reader": [escape(entry["reader"]) for entry in tally["readers"]],
              "pairs": [f"{entry['answered']} of {entry['total']}" for entry in tally["readers"]],
              "tuned closer": [entry["closer"]["tuned"] for entry in tally["readers"]],
              "base closer": [entry["closer"]["base"] for entry in tally["readers"]],
              "can't tell": [entry["closer"]["cannot_tell"] for entry in tally["readers"]]})  # fmt: skip
