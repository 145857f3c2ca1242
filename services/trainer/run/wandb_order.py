"""The run at Weights & Biases that a job asks for: what the plugin is told, and the variables that it needs.

The key comes from this worker's own environment and goes nowhere but into the child's. Without one the run is written
to the disk, to be sent later.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from scriptorium.contracts import Level, TrainRequest
from scriptorium.jobs.reporter import Reporter

RUN_FILE = "wandb.json"
FOLDER = "wandb"
KEY = "WANDB_API_KEY"
VARIABLES = (KEY, "WANDB_BASE_URL", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE")
# where its client keeps what would else lie in the home folder
OWN_FOLDERS = ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR")


def order_wandb_run(request: TrainRequest, folder: Path, reporter: Reporter) -> None:
    """Write what the plugin needs to begin the run, or nothing if the job wants none."""
    if request.wandb is None:
        return
    mode = "online" if os.environ.get(KEY) else "offline"
    (folder / RUN_FILE).write_text(json.dumps({**request.wandb.model_dump(), "mode": mode}), encoding="utf-8")
    if mode == "offline":
        reporter.message(
            f"[TRAIN] {KEY} is not set, so the W&B run stays on the volume, in training/{FOLDER} of the job's run. "
            "To send it, run `wandb sync` on its offline-run-* folders.",
            Level.WARN,
        )


def wandb_environment(request: TrainRequest, folder: Path) -> dict[str, str]:
    """Return the variables of the processes that write to the run; none if the job wants none."""
    if request.wandb is None:
        return {}
    own_folders = dict.fromkeys(OWN_FOLDERS, str(folder / FOLDER / "own"))
    return (
        own_folders
        | {"WANDB_ERROR_REPORTING": "false"}
        | {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    )
