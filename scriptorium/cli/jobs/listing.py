"""`scriptorium jobs` and `show`: every job in a line, or one with all that is known of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from scriptorium.cli.app import Json, app, connect
from scriptorium.cli.client import Client
from scriptorium.cli.jobs.ids import JobId, complete_tag, open_job
from scriptorium.cli.terminal import out, show_json, tabulate
from scriptorium.errors import FileMissing, ScriptoriumError
from scriptorium.planning.describe import format_seconds

Body = Mapping[str, Any]
DELETED = "(deleted)"


@app.command("list", hidden=True, epilog="Example: scriptorium list", rich_help_panel="Jobs")
@app.command(epilog="Example: scriptorium jobs --limit 5", rich_help_panel="Jobs")
def jobs(
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many to list, newest first.")] = 20,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", help="List only jobs with this tag; repeatable.", autocompletion=complete_tag),
    ] = None,
    as_json: Json = False,
) -> None:
    """List jobs, newest first: title, book, date, status and progress."""
    client = connect()
    listed = client.jobs(limit, tags or [])
    if as_json:
        show_json(listed)
        return
    names = name_files(client, listed)
    priorities = [job["scriptorium"]["priority"] or "" for job in listed]
    words = [", ".join(job["scriptorium"]["tags"]) for job in listed]
    tabulate({"job": [job["id"] for job in listed],
              "title": [title_of(job, names) for job in listed],
              "book": [names.get(job["training_file"], "") for job in listed],
              "created": [format_time(job["created_at"]) for job in listed],
              "status": [describe_status(job) for job in listed],
              "progress": [describe_progress(job) for job in listed],
              **({"priority": priorities} if any(priorities) else {}),
              **({"tags": words} if any(words) else {})})  # fmt: skip
    if not listed and tags:
        out.print(f"No job has the tag(s): {', '.join(tags)}.")
    elif not listed:
        out.print("There are no jobs yet. Send a book: scriptorium run my-book.txt")


@app.command("show", epilog="Example: scriptorium show 1a2b", rich_help_panel="Jobs")
def show_job(job_id: JobId, as_json: Json = False) -> None:
    """Show a job: its book, recipe, progress, checkpoints, model, pages, and why it failed."""
    client, job_id = open_job(job_id)
    job, checkpoints = client.job(job_id), client.checkpoints(job_id)
    if as_json:
        show_json({**job, "checkpoints": checkpoints})
        return
    facts = describe_job(job, name_files(client, [job]), client.url)
    for name, value in facts.items():
        out.print(f"{name:<12}{value}")
    tabulate({"step": [entry["step_number"] for entry in checkpoints],
              "loss": [format_loss(entry["metrics"]["train_loss"]) for entry in checkpoints],
              "dev loss": [format_loss(entry["metrics"]["valid_loss"]) for entry in checkpoints],
              "model": [entry["fine_tuned_model_checkpoint"] for entry in checkpoints]})  # fmt: skip


def describe_job(job: Body, names: Mapping[str, str], url: str) -> dict[str, str]:
    """Return what there is to say of a job, by name."""
    extension, hyperparameters, error = job["scriptorium"], job["hyperparameters"], job["error"] or {}
    facts = {
        "job": job["id"],
        "title": title_of(job, names),
        "book": f"{names.get(job['training_file'], '')} ({job['training_file']})",
        "base": job["model"],
        "recipe": f"{extension['recipe']}, {hyperparameters['n_epochs']} epochs of {hyperparameters['batch_size']} rows"
        " an update",
        "made from": extension["cloned_from"] or "",
        "tags": ", ".join(extension["tags"]),
        "created": format_time(job["created_at"]),
        "status": describe_status(job),
        "progress": describe_progress(job),
        "ends": format_time(job["estimated_finish"]) if not job["finished_at"] else "",
        "ended": format_time(job["finished_at"]),
        "model": job["fine_tuned_model"] or "",
        "error": f"{error['message']} ({error['code']})" if error else "",
        "next step": error.get("next_step") or next_step(job),
        **{name: f"{url}{path}" for name, path in (extension["pages"] or {}).items()},
    }
    return {name: value for name, value in facts.items() if value}


def next_step(job: Body) -> str:
    """Return the command that a job waits for, or that its owner wants next."""
    if job["scriptorium"]["decision"]:
        return f"scriptorium decide {job['id']}"
    commands = {"paused": "resume", "succeeded": "chat"}
    return f"scriptorium {commands[job['status']]} {job['id']}" if job["status"] in commands else ""


def describe_status(job: Body) -> str:
    """Describe a job's status, and whether it waits for an answer or is about to pause."""
    status, extension = str(job["status"]), job["scriptorium"]
    if extension["decision"]:
        return f"{status}, asks: {extension['decision']}"
    return f"{status}, pausing" if extension["pause_requested"] and status != "paused" else status


def describe_progress(job: Body) -> str:
    """Describe how far a job is: its place in the queue, its phase and step, or how long it took."""
    extension = job["scriptorium"]
    if job["finished_at"]:
        return f"took {format_seconds(job['finished_at'] - job['created_at'])}"
    if position := extension["queue_position"]:
        return f"place {position} in the queue for a device"
    progress, phase = extension["progress"], str(extension["phase"])
    if phase == "train" and progress.get("total_steps"):
        loss = f", loss {format_loss(progress['train_loss'])}" if "train_loss" in progress else ""
        return f"{phase}, step {progress.get('step', 0):.0f} of {progress['total_steps']:.0f}{loss}"
    return phase


def title_of(job: Body, names: Mapping[str, str]) -> str:
    """Return a job's title: the suffix that its owner chose, else its book's name without the ending."""
    suffix = job.get("user_provided_suffix")
    return str(suffix or names.get(job["training_file"], "").rpartition(".")[0])


def name_files(client: Client, listed: Sequence[Body]) -> dict[str, str]:
    """Return the names of the books of jobs by the id of the file; one that was deleted is said to be."""
    names = {}
    for file_id in dict.fromkeys(job["training_file"] for job in listed):
        try:
            names[file_id] = str(client.file(file_id)["filename"])
        except ScriptoriumError as error:
            if error.code != FileMissing.code:
                raise
            names[file_id] = DELETED
    return names


def format_time(seconds: float | None) -> str:
    """Format a moment in this machine's time; "" for none."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def format_loss(loss: float | None) -> str:
    """Format a loss; a dash for none."""
    return "-" if loss is None else f"{loss:.2f}"


def format_size(size: int) -> str:
    """Format a number of bytes."""
    return decimal(size)
