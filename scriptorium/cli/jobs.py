"""Commands for jobs: send a book, follow it, answer its questions, fetch what it made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from scriptorium.cli import hand
from scriptorium.cli.app import Impostors, Json, Model, RecipeName, app, connect, err, out, show, tabulate
from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_export, fetch_results, follow
from scriptorium.cli.manuscript import open_manuscript
from scriptorium.errors import Conflict
from scriptorium.settings import get_settings

Format = Literal["adapter", "merged", "gguf-f16", "gguf-q8_0"]
JobId = Annotated[str, typer.Argument(help="The job's id, ftjob-...")]


@app.command()
def run(
    book: Annotated[
        Path, typer.Argument(help="A book (.txt, .md, .docx, .epub, .html), rows (.jsonl), or a .zip or folder.")
    ],
    model: Model = None,
    recipe: RecipeName = None,
    suffix: Annotated[str | None, typer.Option("--suffix", "-s", help="Part of the tuned model's name.")] = None,
    impostors: Impostors = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the report goes.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Print the job's id and return at once.")] = False,
    as_json: Json = False,
) -> None:
    """Send a book, follow the job to its report. Ctrl-C leaves the job running."""
    settings, client = get_settings(), connect()
    chosen = recipe or settings.default_recipe
    with open_manuscript(book) as (name, content):
        file = client.upload(content, name)
    others = {}
    if impostors:
        with open_manuscript(impostors) as (name, content):
            others = {"impostors": client.upload(content, name)["id"]}
    body: dict[str, Any] = others | {
        "model": model or settings.default_model,
        "training_file": file["id"],
        "recipe": chosen,
    }
    if Path(chosen).suffix in (".yaml", ".yml"):
        body["recipe"] = hand.recipe_of(chosen, settings).model_dump()
    job = client.create(body | ({"suffix": suffix} if suffix else {}))
    if detach:
        show(job, as_json, job["id"])
        return
    conclude(client, job["id"], output, as_json=as_json)


@app.command(name="follow")
def follow_job(
    job_id: JobId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the report goes.")] = None,
    as_json: Json = False,
) -> None:
    """Follow a job from its first line on, to its report."""
    conclude(connect(), job_id, output, as_json=as_json)


def conclude(client: Client, job_id: str, output: Path | None, *, as_json: bool) -> None:
    """Follow a job; fetch its report where it succeeds, and end with status 1 where it does not."""
    try:
        job = follow(client, job_id, out, as_json=as_json)
    except KeyboardInterrupt:
        err.print(f"\nThe job goes on. Come back with: scriptorium follow {job_id}")
        raise typer.Exit(130) from None
    if job["status"] != "succeeded":
        raise typer.Exit(1)
    paths = fetch_results(client, job, output or Path("reports") / job_id)
    if not as_json:
        out.print(f"model: {job['fine_tuned_model']}")
        out.print(f"read blind: {client.url}{job['scriptorium']['pages']['read']}")
        out.print(f"report: {next(path for path in paths if path.name == 'report.html')}")


@app.command()
def jobs(limit: Annotated[int, typer.Option(help="How many, newest first.")] = 20, as_json: Json = False) -> None:
    """List jobs."""
    found = connect().jobs(limit)
    if as_json:
        show(found, as_json, "")
        return
    tabulate({"job": [job["id"] for job in found], "status": [job["status"] for job in found],
              "model": [job["model"] for job in found],
              "tuned model": [job["fine_tuned_model"] or "" for job in found]})  # fmt: skip


@app.command()
def cancel(job_id: JobId, as_json: Json = False) -> None:
    """Stop a job."""
    job = connect().cancel(job_id)
    show(job, as_json, f"{job_id}: {job['status']}")


@app.command()
def decide(
    job_id: JobId,
    answer: Annotated[
        str | None, typer.Argument(help="The name of an option; without one the question is shown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer what a job asks, so that it goes on."""
    client = connect()
    asked = next((decision for decision in client.decisions(job_id) if not decision["answer"]), None)
    if asked is None:
        raise Conflict(f"{job_id} asks nothing.", next_step=f"Look at it with `scriptorium follow {job_id}`.")
    if answer:
        job = client.decide(job_id, asked["kind"], answer)
        show(job, as_json, f"{job_id}: {job['status']}")
        return
    show(asked, as_json, f"{asked['question']} {asked['reason']}")
    if not as_json:
        tabulate({"option": [option["name"] for option in asked["options"]],
                  "meaning": [option["meaning"] for option in asked["options"]]})  # fmt: skip
        out.print(f"recommended: {asked['recommended']}")


@app.command()
def reading(
    job_id: JobId,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the report with the tally here.")] = None,
    as_json: Json = False,
) -> None:
    """Blind reading: the link to send to readers, and what they have said so far."""
    client = connect()
    tally = client.tally(job_id)
    if output:
        output.write_text(client.report(job_id), encoding="utf-8")
    link = f"{client.url}{tally['page']}"
    if as_json:
        show({**tally, "link": link}, as_json, "")
        return
    out.print(f"read blind: {link}")
    for question in ("closer", "better") if tally["answers"] else ():
        out.print(tally[question]["summary"])
    tabulate({"reader": [escape(entry["reader"]) for entry in tally["readers"]],
              "pairs": [f"{entry['answered']} of {entry['total']}" for entry in tally["readers"]],
              "tuned closer": [entry["closer"]["tuned"] for entry in tally["readers"]],
              "base closer": [entry["closer"]["base"] for entry in tally["readers"]],
              "can't tell": [entry["closer"]["cannot_tell"] for entry in tally["readers"]]})  # fmt: skip


@app.command()
def compare(
    job_ids: Annotated[list[str], typer.Argument(help="Two or more jobs; the others are held to the first.")],
    as_json: Json = False,
) -> None:
    """Compare evaluated models: how much of the voice each has, and which is clearly closer to its author."""
    found = connect().compare(job_ids)
    if as_json:
        show(found, as_json, "")
        return
    sides = [(side, side["result"], side["result"]["voice"] or {}) for side in found["models"]]
    tabulate({"job": [side["job"] for side, *_ in sides], "model": [escape(side["model"]) for side, *_ in sides],
              "verdict": [voice.get("verdict", "not measured").replace("_", " ") for *_, voice in sides],
              "T": [interval(voice) for *_, voice in sides],
              "loss": [f"{-result['author']['drop_percent']:+.1f} %" for _, result, _ in sides]})  # fmt: skip
    for difference in found["differences"]:
        out.print(f"{difference['job']}: {difference['summary']}")


def interval(voice: Mapping[str, Any]) -> str:
    """T with its interval, as it stands in a table."""
    return (
        f"{voice['folded']:.0f} ({voice['low']:.0f} to {voice['high']:.0f})" if voice.get("folded") is not None else ""
    )


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="A job's id, ftjob-..., or the folder of a merged model.")],
    wanted: Annotated[Format, typer.Option("--format", "-f", help="What to write.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for adapter and merged, else a file.")],
    as_json: Json = False,
) -> None:
    """Get a job's weights, going on where an earlier call stopped; or write a model's folder in another format."""
    if Path(source).is_dir():
        if wanted == "adapter" or wanted == "merged":  # noqa: PLR1714 - mypy narrows a type by this form only
            raise Conflict(f"{source} is a folder already.", next_step="Ask for gguf-f16 or gguf-q8_0.")
        hand.export(Path(source), output, wanted)
        paths = [output]
    else:
        client = connect()
        paths = fetch_export(client, client.job(source), wanted, output, out)
    show([str(path) for path in paths], as_json, f"written: {output}")
