"""A run at Weights & Biases: <training>/wandb.json says which, <training>/wandb/ holds what is sent or waits to be.

The run is ours and not the one that Axolotl would begin, for three reasons: a server that does not answer must not end
the training, the run must have each step once over all attempts, and nothing but numbers may leave this machine: no
texts, no paths, no output, no list of packages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from scriptorium.artifacts.checkpoint_samples import CheckpointSample

RUN_FILE = "wandb.json"
INIT_SECONDS = 15.0
FINISH_SECONDS = 60.0
CHECKPOINT_CURVES = ("dev/selectivity",)  # measured after the last step, but of earlier ones


class WandbRun:
    """The run of a training folder; an attempt that resumes the training goes on with it."""

    def __init__(self, training: Path, notify: Callable[[str], None]) -> None:
        self._run = start_run(json.loads((training / RUN_FILE).read_text("utf-8")), training, notify)
        for curve in CHECKPOINT_CURVES:
            self._run.define_metric(curve, step_metric="checkpoint")

    def add(self, points: Mapping[str, float], step: int, time: float) -> None:
        """Add a step's points, unless an earlier attempt has sent them."""
        steady = {curve: value for curve, value in points.items() if curve not in CHECKPOINT_CURVES}
        if steady and step >= self._run.step:
            self._run.log(steady, step=step)
        if len(steady) < len(points):
            measured = {curve: value for curve, value in points.items() if curve in CHECKPOINT_CURVES}
            self._run.log({**measured, "checkpoint": step})

    def add_samples(self, samples: Iterable[CheckpointSample]) -> None:
        """Add nothing: no text leaves this machine."""

    def close(self) -> None:
        """Send what is left, for a minute at most; the rest stays on the disk."""
        self._run.finish()


def start_run(order: dict[str, Any], training: Path, notify: Callable[[str], None]) -> Any:
    """Begin or continue a run; it is kept on the disk if W&B does not answer or refuses it."""
    import wandb

    settings = wandb.Settings(
        init_timeout=INIT_SECONDS, finish_timeout=FINISH_SECONDS, console="off", symlink=False, disable_git=True,
        save_code=False, program="scriptorium", host="scriptorium", x_save_requirements=False, x_disable_meta=True,
        x_disable_machine_info=True, x_disable_stats=True,
    )  # fmt: skip
    arguments = {**order, "resume": "allow", "dir": str(training), "settings": settings}
    try:
        return wandb.init(**arguments)
    except wandb.Error as error:
        if order["mode"] == "offline":
            raise
        notify(
            f"W&B does not take the run ({shorten(error)}). It stays in training/wandb, to be sent with `wandb sync`."
        )
        wandb.teardown()  # it would hold the run's id as if the first try were still under way
        offline = {"mode": "offline"}
        (training / RUN_FILE).write_text(
            json.dumps(order | offline), encoding="utf-8"
        )  # for the measuring that follows
        return wandb.init(**arguments | offline)


def shorten(error: Exception) -> str:
    """Return an error's first line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
