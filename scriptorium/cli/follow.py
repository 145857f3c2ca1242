"""Follow a job: its lines as they come, with a progress bar on a terminal, until it is over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from scriptorium.cli.client import Client

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


def fetch_results(client: Client, job: dict[str, Any], folder: Path) -> list[Path]:
    """Download a job's result files; their names begin with the job's id, which is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for file_id in job["result_files"]:
        name = Path(client.file(file_id)["filename"]).name.removeprefix(f"{job['id']}-")
        client.download(file_id, folder / name)
        paths.append(folder / name)
    return paths
