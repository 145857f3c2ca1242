"""The `scriptorium` command. Every failure is one clear message and a status of 1; never a traceback."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scriptorium.cli import hand
from scriptorium.cli.client import Client
from scriptorium.cli.follow import fetch_export, fetch_results, follow
from scriptorium.cli.manuscript import open_manuscript
from scriptorium.cli.preview import print_preview
from scriptorium.errors import Conflict, ScriptoriumError
from scriptorium.settings import Settings, get_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
impostors_app = typer.Typer(no_args_is_help=True, help="Other authors, whom an evaluation tells a voice from.")
app.add_typer(impostors_app, name="impostors")
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Model = Annotated[str | None, typer.Option("--model", "-m", help="Base model: a name on the volume or of the hub.")]
RecipeName = Annotated[str | None, typer.Option("--recipe", "-r", help="A recipe's name, or a YAML file of your own.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write; must not exist.")]
Format = Literal["adapter", "merged", "gguf-f16", "gguf-q8_0"]
Impostors = Annotated[
    Path | None,
    typer.Option("--impostors", exists=True, help="Other authors: a folder with a file or folder for each."),
]
JobId = Annotated[str, typer.Argument(help="The job's id, ftjob-...")]


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one.")] = None, as_json: Json = False
) -> None:
    """Start the local stack in the background: Redis, the API, a worker per service, and vLLM on demand."""
    from deploy.local.stack import up as start

    settings = get_settings() if port is None else get_settings().model_copy(update={"api_port": port})
    state = start(settings, tell=err.print)
    show(state.model_dump(), as_json, f"Ready: {state.api_url}/v1 (data in {settings.data_dir})")


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the local stack; jobs go on where they stopped at the next `up`."""
    from deploy.local.stack import down as stop

    stopped = stop(get_settings(), tell=err.print)
    show({"stopped": stopped}, as_json, "Stopped." if stopped else "Nothing is running.")


@app.command()
def status(as_json: Json = False) -> None:
    """Show what runs: services, engines and jobs. The exit status is 3 where nothing runs."""
    from deploy.local.state import running

    state = running(get_settings())
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
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many lines from the end.")] = 50,
    follow_on: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what is added.")] = False,
) -> None:
    """Print the end of a service's log."""
    from scriptorium.child import additions, tail

    folder = get_settings().data_dir / "logs"
    known = {path.stem: path for path in sorted(folder.glob("*.log"))}
    if service not in known:
        raise Conflict(f"There is no log of {service!r}; there are: {', '.join(known) or 'none'}.", param="SERVICE")
    for line in tail(known[service], lines):
        out.out(line)
    for line in additions(known[service]) if follow_on else ():
        out.out(line)


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
def demo() -> None:
    """Show the whole journey: a real book, a small model, a few minutes, a report. Leaves nothing running."""
    from scriptorium.cli.demo import demo as run_demo

    started = time.monotonic()
    report = run_demo()
    out.print(f"The demo took {time.monotonic() - started:.0f} s.")
    out.print(f"report: {report}")


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
def restore(as_json: Json = False) -> None:
    """Rebuild lost job records from what lies on the volume."""
    from scriptorium.phase import open_context
    from scriptorium.restore import restore_jobs

    restored = restore_jobs(open_context())
    show({"restored": restored}, as_json, f"{len(restored)} job(s) restored.")


@app.command()
def doctor(
    service: Annotated[str | None, typer.Option(help="What it is for: host, trainer, server, ...")] = None,
    as_json: Json = False,
) -> None:
    """Look at this machine, or this container, and say what to mend. The exit status is 1 where something fails."""
    from scriptorium.cli.doctor import find_subject, print_findings
    from scriptorium.doctor import Status, examine

    findings = examine(find_subject(get_settings(), service))
    if as_json:
        show([asdict(finding) for finding in findings], as_json, "")
    else:
        print_findings(findings, out)
    if any(finding.status is Status.FAIL for finding in findings):
        raise typer.Exit(1)


@app.command()
def prepare(
    book: Annotated[
        Path,
        typer.Argument(
            help="A book (.txt, .md, .docx, .epub, .html), rows (.jsonl), or a .zip or folder.", exists=True
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new folder; or a new .jsonl file, for the rows alone.")
    ] = None,
    model: Model = None,
    recipe: RecipeName = None,
    preview: Annotated[bool, typer.Option("--preview", help="Show what cleaning changes; write nothing.")] = False,
    changes: Annotated[int, typer.Option(min=0, help="With --preview: how many changes of each step to show.")] = 5,
    impostors: Impostors = None,
    as_json: Json = False,
) -> None:
    """By hand: a manuscript becomes a dataset folder, or one .jsonl file in Alpaca form."""
    settings = get_settings()
    if impostors:
        settings = settings.model_copy(update={"impostors_dir": impostors.absolute()})
    if preview:
        seen = hand.preview(book, changes)
        show(seen.model_dump(mode="json"), as_json, "") if as_json else print_preview(seen, out)
        return
    if output is None:
        raise typer.BadParameter("name what to write, or ask for --preview", param_hint="--output")
    chosen = hand.recipe_of(recipe or settings.default_recipe, settings)
    if chosen.data.briefs == "model" and not settings.brief_url:
        settings = settings.model_copy(update={"brief_url": api_url(settings)})
    show_result(hand.prepare(book, output, model or settings.default_model, chosen, settings), output, as_json)


@impostors_app.command()
def install(as_json: Json = False) -> None:
    """Put public-domain novels by nine authors where every job finds them; what is there already stays."""
    from deploy.local.impostors import install as install_impostors

    settings = get_settings()
    folder = settings.impostors_dir or settings.data_dir / "impostors"
    show(install_impostors(folder), as_json, f"Other authors to tell a voice from are in {folder}.")


@app.command()
def train(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder, from `scriptorium prepare`.")],
    output: Output,
    model: Model = None,
    recipe: RecipeName = None,
    as_json: Json = False,
) -> None:
    """By hand: a dataset folder becomes a training folder with checkpoints."""
    settings = get_settings()
    chosen = hand.recipe_of(recipe or settings.default_recipe, settings)
    show_result(hand.train(dataset, output, model or settings.default_model, chosen, settings), output, as_json)


@app.command()
def merge(
    training: Annotated[Path, typer.Argument(help="A training folder, from `scriptorium train`.")],
    output: Output,
    model: Model = None,
    checkpoint: Annotated[int | None, typer.Option(help="Step of the checkpoint; default: the best.")] = None,
    as_json: Json = False,
) -> None:
    """By hand: the best checkpoint, or a given one, is merged into its base."""
    settings = get_settings()
    result = hand.merge(training, output, model or settings.default_model, checkpoint, settings)
    show_result(result, output, as_json)


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


@app.command()
def evaluate(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder, from `scriptorium prepare`.")],
    training: Annotated[Path, typer.Argument(help="The training folder of the tuned model, for its loss curve.")],
    base_url: Annotated[str, typer.Option(help="Where the base answers, without /v1.")],
    base: Annotated[str, typer.Option(help="The base's name there.")],
    tuned_url: Annotated[str, typer.Option(help="Where the tuned model answers, without /v1.")],
    tuned: Annotated[str, typer.Option(help="The tuned model's name there.")],
    output: Output,
    model: Model = None,
    as_json: Json = False,
) -> None:
    """By hand: two running endpoints are compared on held-out text."""
    settings = get_settings()
    tokenizer = hand.base_of(model or settings.default_model, settings)
    endpoints = {"base_url": base_url, "base": base, "tuned_url": tuned_url, "tuned": tuned, "tokenizer": tokenizer}
    show_result(hand.evaluate(dataset, output, endpoints, training, settings), output, as_json)


def connect() -> Client:
    """A client for the API that the settings name, or else for the local stack's."""
    return Client(api_url(get_settings()))


def api_url(settings: Settings) -> str:
    """Where the API is."""
    from deploy.local.state import running

    if settings.api_url:
        return settings.api_url.rstrip("/").removesuffix("/v1")
    state = running(settings)
    usual = f"http://127.0.0.1:{settings.api_port}"  # where compose.yaml publishes it
    if state is None and Client(usual).answers():
        return usual
    if state is None:
        raise Conflict("No stack is running.", next_step="Start one with `scriptorium up`, or set SCRIPTORIUM_API_URL.")
    return state.api_url


def show_result(result: Any, output: Path, as_json: bool) -> None:
    """Print the result of a phase run by hand."""
    show(result.model_dump(mode="json"), as_json, f"written: {output}")


def tabulate(columns: dict[str, list[Any]]) -> None:
    """Print columns under their names; nothing where there are no rows."""
    if not next(iter(columns.values())):
        return
    table = Table(*columns, box=None)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(str, row))
    out.print(table)


def show(body: Any, as_json: bool, text: str) -> None:
    """Print JSON or a line."""
    out.out(json.dumps(body, indent=2) if as_json else text)


def main() -> None:
    """Run the command; what is expected to fail fails in one message."""
    try:
        app()
    except ScriptoriumError as error:
        err.print(f"error ({error.code}): {error}", style="red", markup=False)
        if error.next_step:
            err.print(f"next step: {error.next_step}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
