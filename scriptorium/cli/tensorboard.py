"""The command that shows training curves: TensorBoard, from Axolotl's environment, on this machine's files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from scriptorium.cli.app import app
from scriptorium.cli.jobs.ids import choose_id, complete_job
from scriptorium.errors import EnvironmentMissing, JobMissing
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.settings import Settings, get_settings

WITH_COMPOSE = "Run `make setup`; with docker compose, add tensorboard to COMPOSE_PROFILES instead."


@app.command(epilog="Example: scriptorium tensorboard 1a2b", rich_help_panel="Jobs")
def tensorboard(
    job_id: Annotated[
        str | None, typer.Argument(help="The job's id, or its end; without one, all jobs.", autocompletion=complete_job)
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on loopback; 0 takes a free one.")] = 6006,
) -> None:
    """Show training curves and sample passages in TensorBoard, also while training runs. Ctrl-C ends it."""
    command = make_command(get_settings(), job_id, port)
    raise typer.Exit(subprocess.run(command, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}, check=False).returncode)


def make_command(settings: Settings, job_id: str | None, port: int) -> list[str]:
    """Make TensorBoard's command line; raises EnvironmentMissing and JobMissing."""
    program = settings.axolotl_env / "bin" / "tensorboard"
    if not program.exists():
        raise EnvironmentMissing(f"TensorBoard is not installed: {program} does not exist.", next_step=WITH_COMPOSE)
    folder = find_runs(settings.data_dir / "runs", job_id)
    return [str(program), "--logdir", str(folder), "--host", "127.0.0.1", "--port", str(port)]


def find_runs(runs: Path, job_id: str | None) -> Path:
    """Return the folder of all runs, or of one that is among them."""
    if job_id is None:
        return runs
    known = {folder.name: folder for folder in runs.iterdir()} if runs.is_dir() else {}
    chosen = choose_id(job_id, JOB_PREFIX, known)
    if chosen is None:
        raise JobMissing(
            f"{job_id} has no run in {runs}.", param="JOB", next_step="List the jobs with `scriptorium jobs`."
        )
    return known[chosen]
