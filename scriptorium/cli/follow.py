"""Follow a job: its lines as they come, with a progress bar on a terminal, until it is over."""

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

from scriptorium.artifacts.file_store import ADAPTER, MERGED, MODEL
from scriptorium.cli.client import Client
from scriptorium.errors import Conflict

EVERY = 10  # where there is no terminal to draw on, one metrics line in ten is printed
STYLES = {"warn": "yellow", "error": "red"}


class Story:
    """Prints the events of one job."""

    def __init__(self, console: Console, *, as_json: bool) -> None:
        self._console = console
        self._as_json = as_json
        self._bar = Progress(
            TextColumn("training"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} steps"),
            TextColumn("loss {task.fields[loss]:.2f}"), TimeRemainingColumn(), console=console, transient=True,
            disable=as_json or not console.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> Story:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, event: dict[str, Any]) -> None:
        """Print one event, or move the bar."""
        if self._as_json:
            self._console.out(json.dumps(event))
        elif event["type"] == "metrics":
            self._numbers(event)
        else:
            self._console.print(event["message"], style=STYLES.get(event["level"]), markup=False, highlight=False)

    def _numbers(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if "train_loss" in data and self._console.is_terminal:
            if self._task is None:
                self._task = self._bar.add_task("training", total=data["total_steps"], loss=data["train_loss"])
            self._bar.update(self._task, completed=data["step"], loss=data["train_loss"])
        elif "valid_loss" in data or data.get("step", 0) % EVERY == 0:
            self._console.print(event["message"], markup=False, highlight=False)


def follow(client: Client, job_id: str, console: Console, *, as_json: bool = False) -> dict[str, Any]:
    """Print a job's events until it is over, and return the job."""
    with Story(console, as_json=as_json) as story:
        for event in client.events(job_id):
            story.tell(event)
    return client.job(job_id)


def results(client: Client, job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """A job's result files by name; the names begin with the job's id, which is left out."""
    files = [client.file(file_id) for file_id in job["result_files"]]
    return {Path(file["filename"]).name.removeprefix(f"{job['id']}-"): file for file in files}


def fetch_export(client: Client, job: dict[str, Any], wanted: str, output: Path, console: Console) -> list[Path]:
    """Download a job's adapter or merged model into a folder, or its GGUF file; goes on where an earlier call stopped.

    Raises Conflict where the job has none (yet).
    """
    known = results(client, job)
    prefix = {"adapter": ADAPTER, "merged": MERGED}.get(wanted)
    name = f"{MODEL}{wanted.removeprefix('gguf-')}.gguf"
    chosen = {name: file for name, file in known.items() if prefix and name.startswith(prefix)}
    targets = {output / name.removeprefix(prefix or ""): file for name, file in chosen.items()}
    if prefix is None and name in known:
        targets = {output: known[name]}
    if not targets:
        step = "Is the job merged yet? A GGUF file is made where the recipe's `export` names it; or fetch `merged` and "
        step += f"run `scriptorium export FOLDER --format {wanted}`."
        raise Conflict(f"{job['id']} has no {wanted}.", param="--format", next_step=step)
    for target, file in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.stat().st_size == file["bytes"]):
            fetch(client, file, target, console)
    return list(targets)


def fetch(client: Client, file: dict[str, Any], target: Path, console: Console) -> None:
    """Download one file, with a bar on a terminal."""
    columns = (TextColumn(target.name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(target.name, total=file["bytes"])
        client.download(file["id"], target, lambda count: bar.update(task, completed=count))


def fetch_results(client: Client, job: dict[str, Any], folder: Path) -> list[Path]:
    """Download a job's result files, but for the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, file in results(client, job).items():
        if not name.startswith((ADAPTER, MERGED, MODEL)):
            client.download(file["id"], folder / name)
            paths.append(folder / name)
    return paths
