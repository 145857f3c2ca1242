"""A job's events as they arrive, with a progress bar on a terminal; and the files it made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from scriptorium.artifacts.file_store import ADAPTER, MERGED, MODEL
from scriptorium.cli.client import Client
from scriptorium.cli.terminal import err
from scriptorium.errors import Conflict, PathUnusable
from scriptorium.local.writable import make_writable

MODELFILE = ".Modelfile"
METRICS_LINE_INTERVAL = 10  # without a terminal to draw a bar on, one metrics line in ten is printed
STYLES = {"warn": "yellow", "error": "red"}


class EventPrinter:
    """Prints the events of one job."""

    def __init__(self, console: Console, *, as_json: bool, every_step: bool = False) -> None:
        self._console = console
        self._as_json, self._every_step = as_json, every_step
        self._bar = Progress(
            TextColumn("training"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TextColumn("loss {task.fields[loss]:.2f}"), TimeRemainingColumn(), console=console, transient=True,
            disable=as_json or not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._lost = False

    def __enter__(self) -> EventPrinter:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def print_loss(self) -> None:
        """Say once, until the next event, that the API does not answer."""
        if not self._lost:
            err.print("The API does not answer. The log goes on when it does; Ctrl-C ends this and no job.")
        self._lost = True

    def print_event(self, event: dict[str, Any]) -> None:
        """Print one event, or move the bar."""
        self._lost = False
        if self._as_json:
            self._console.out(json.dumps(event))
        elif event["type"] == "metrics":
            self._print_metrics(event)
        else:
            self._console.print(event["message"], style=STYLES.get(event["level"]), markup=False)

    def _print_metrics(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if self._every_step:
            self._console.print(event["message"], markup=False)
        elif "train_loss" in data and self._console.is_terminal:
            if self._task is None:
                self._task = self._bar.add_task("training", total=data["total_steps"], loss=data["train_loss"])
            self._bar.update(self._task, completed=data["step"], loss=data["train_loss"])
        elif "valid_loss" in data or data.get("step", 0) % METRICS_LINE_INTERVAL == 0:
            self._console.print(event["message"], markup=False)


def follow(client: Client, job_id: str, console: Console, *, as_json: bool = False) -> dict[str, Any]:
    """Print a job's events until it ends, and return the job."""
    with EventPrinter(console, as_json=as_json) as printer:
        for event in client.events(job_id, on_lost=printer.print_loss):
            printer.print_event(event)
    return client.job(job_id)


def list_results(client: Client, job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a job's result files by name, without the job's id that the names begin with."""
    files = [client.file(file_id) for file_id in job["result_files"]]
    return {Path(file["filename"]).name.removeprefix(f"{job['id']}-"): file for file in files}


def fetch_export(client: Client, job: dict[str, Any], export_format: str, output: Path, console: Console) -> list[Path]:
    """Download a job's adapter or merged model into a folder, or its GGUF file with the Modelfile beside it.

    It continues where an earlier call stopped. Raises Conflict if the job has none (yet), and PathUnusable.
    """
    known = list_results(client, job)
    prefix = {"adapter": ADAPTER, "merged": MERGED}.get(export_format)
    name = f"{MODEL}{export_format.removeprefix('gguf-')}.gguf"
    chosen = {name: file for name, file in known.items() if prefix and name.startswith(prefix)}
    targets = {output / name.removeprefix(prefix or ""): file for name, file in chosen.items()}
    if prefix is None and name in known:
        targets = {output: known[name]}
        modelfile = Path(name).with_suffix(MODELFILE).name
        targets |= {output.with_suffix(MODELFILE): known[modelfile]} if modelfile in known else {}
    if not targets:
        next_step = "Is the job merged yet? A GGUF file is made if the recipe's `export` names it; or get `merged` and "
        next_step += f"run `scriptorium export FOLDER --format {export_format}`."
        raise Conflict(f"{job['id']} has no {export_format}.", param="--format", next_step=next_step)
    for target, file in targets.items():
        if target.is_dir():
            raise PathUnusable(f"{target} is a folder, and a file is to be written.", param="--output")
        make_writable(target.parent, "--output")
        with console.status(Text(f"comparing {target.name} with the job's")):
            complete = client.has_arrived(file, target)
        if not complete:
            fetch_file(client, file, target, console)
        if target.suffix == MODELFILE:
            name_file(target, output.name)
    return list(targets)


def name_file(modelfile: Path, name: str) -> None:
    """Write into a Modelfile's first line how the GGUF file beside it is called here."""
    _, _, rest = modelfile.read_text("utf-8").partition("\n")
    modelfile.write_text(f"FROM ./{name}\n{rest}", encoding="utf-8")


def fetch_file(client: Client, file: dict[str, Any], target: Path, console: Console) -> None:
    """Download one file, with a bar on a terminal."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(target.name, total=file["bytes"])
        client.download(file["id"], target, lambda count: bar.update(task, completed=count))


def fetch_results(client: Client, job: dict[str, Any], folder: Path) -> list[Path]:
    """Download a job's result files, except the weights. Raises PathUnusable."""
    make_writable(folder, "--output")
    paths = []
    for name, file in list_results(client, job).items():
        if not name.startswith((ADAPTER, MERGED, MODEL)):
            client.download(file["id"], folder / name)
            paths.append(folder / name)
    return paths
