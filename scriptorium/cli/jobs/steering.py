"""Commands that steer a job: cancel, pause and resume it, and answer its question."""

from __future__ import annotations

from typing import Annotated

import typer

from scriptorium.cli.app import Json, app
from scriptorium.cli.jobs.ids import JobId, open_job
from scriptorium.cli.jobs.listing import describe_status
from scriptorium.cli.terminal import out, show, tabulate
from scriptorium.errors import Conflict


@app.command(epilog="Example: scriptorium cancel 1a2b", rich_help_panel="Jobs")
def cancel(job_id: JobId, as_json: Json = False) -> None:
    """Stop a job for good."""
    client, job_id = open_job(job_id)
    job = client.cancel(job_id)
    show(job, as_json, f"{job_id}: {job['status']}")


@app.command(epilog="Example: scriptorium pause 1a2b", rich_help_panel="Jobs")
def pause(job_id: JobId, as_json: Json = False) -> None:
    """Stop a job until it is resumed, and free its device; a training saves a checkpoint of its present step."""
    client, job_id = open_job(job_id)
    job = client.pause(job_id)
    show(job, as_json, f"{job_id}: {describe_status(job)}")


@app.command(epilog="Example: scriptorium resume 1a2b", rich_help_panel="Jobs")
def resume(job_id: JobId, as_json: Json = False) -> None:
    """Let a paused job go on where it stopped."""
    client, job_id = open_job(job_id)
    job = client.resume(job_id)
    show(job, as_json, f"{job_id}: {describe_status(job)}")


@app.command(epilog="Example: scriptorium decide 1a2b go_on", rich_help_panel="Jobs")
def decide(
    job_id: JobId,
    answer: Annotated[
        str | None, typer.Argument(help="The name of an option. Without one, the question is shown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer a job's question, so that the job continues."""
    client, job_id = open_job(job_id)
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
        if page := question.get("page"):
            out.print(f"look at: {client.url}{page}")
        out.print(f"answer it: scriptorium decide {job_id} {question['recommended']}")
