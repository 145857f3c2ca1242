"""Compare training through us with the bare `axolotl train`, and the plan with what came: `make bench-train`.

The demo's book, its small model and recipe cpu with a few steps. "Ours" is the trainer's whole function, with a
reporter; "bare" is Axolotl's command with the same configuration and environment variables, without our plugin. They
alternate, each first in every other round. Both train the same rows in the same order, so step is compared with step:
of each step's time the fastest of the rounds counts, because other work on the machine only adds to it. A step lasts
from the log of the one before to its own, with the evaluations and saves between them.
The last lines are `train: overhead=<ours/bare> start_s=<seconds to the first step, ours - bare>`
and `plan: peak_error=<share> time_error=<share>`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import yaml

from bench.generate import prepare
from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from scriptorium.contracts import TrainRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.process.child import Child, tail
from scriptorium.recipe import load_recipe
from scriptorium.settings import PROJECT, get_settings
from services.trainer.run.axolotl import make_command, make_environment
from services.trainer.run.watch import POLL_INTERVAL
from services.trainer.train import LOG, train_adapter

FIRST = "ours0"  # the run whose configuration the bare ones take over
CLOCK = "bench.step_clock.StepClockPlugin"
SAMPLE_INTERVAL = 0.5  # seconds; the kernel keeps a process's peak, so only its last half second can be missed
MB = 1 << 20


@dataclass(frozen=True)
class PlannedTraining:
    """What a training was planned to need, and what it needed: bytes at the peak, seconds of the whole phase."""

    planned_peak: float
    planned_seconds: float
    peak: float
    seconds: float


@dataclass(frozen=True)
class TimedTraining:
    """Seconds from the call to the first step's log, then of every further step; the peak memory of the process."""

    start: float
    steps: list[float]
    total: float
    peak_bytes: int
    plan: PlannedTraining | None = None


def main() -> None:
    """Measure in turns, print every run and the last lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="one takes about two minutes")
    parser.add_argument("--steps", type=int, default=14)
    parser.add_argument("--json", type=Path, help="a file for all numbers")
    options = parser.parse_args()
    assets = demo_assets()
    with tempfile.TemporaryDirectory(prefix="bench-train-") as name:
        folder = Path(name)
        os.environ["SCRIPTORIUM_DATA_DIR"] = str(folder)  # the measured runs of this benchmark are the only ones
        base = (assets.models / BASE).resolve()
        training = load_recipe(PROJECT / "recipes" / "cpu.yaml").training.model_copy(
            update={"max_steps": options.steps, "checkpoints": 2, "dev_rows": 2, "samples": 0, "keep": 0}
        )
        request = TrainRequest(dataset=prepare(assets.book, base, folder / "dataset"), base=base, training=training)
        ours, bare = take_turns(request, folder, options.rounds)
    results = summarise(ours, bare)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if options.json:
        runs = {"ours": [asdict(run) for run in ours], "bare": [asdict(run) for run in bare]}
        options.json.write_text(json.dumps({**results, **runs}, indent=2), encoding="utf-8")
    if "peak_error_one_run" in results:
        print(
            "with one measured run: peak_error={peak_error_one_run:.2f} time_error={time_error_one_run:.2f}".format(
                **results
            )
        )
    print("train: overhead={overhead:.3f} start_s={start_s:.1f}".format(**results))
    print("plan: peak_error={peak_error:.2f} time_error={time_error:.2f}".format(**results))


def take_turns(request: TrainRequest, folder: Path, rounds: int) -> tuple[list[TimedTraining], list[TimedTraining]]:
    """Return the runs of ours and of the bare command."""
    runs: dict[str, list[TimedTraining]] = {"ours": [], "bare": []}
    for number in range(rounds):
        ours, bare = folder / f"ours{number}", folder / f"bare{number}"
        turns = {
            "ours": partial(time_training, partial(run_ours, request, ours), ours),
            "bare": partial(time_training, partial(run_bare, folder / FIRST, bare), bare),
        }
        for name in sorted(turns, reverse=number % 2 == 0):
            runs[name].append(turns[name]())
            print_run(name, number, runs[name][-1])
    return runs["ours"], runs["bare"]


def run_ours(request: TrainRequest, folder: Path) -> PlannedTraining:
    """Train through the trainer, which plans first, with what earlier runs needed."""
    folder.mkdir()
    reporter = SilentReporter()
    result = train_adapter(request, folder, reporter)
    plan = next(numbers for numbers in reporter.numbers if "planned_seconds" in numbers)
    return PlannedTraining(
        planned_peak=float(plan["planned_peak_bytes"] or 0),
        planned_seconds=float(plan["planned_seconds"] or 0),
        peak=float(result.peak_bytes or 0),
        seconds=result.seconds,
    )


def run_bare(model: Path, folder: Path) -> None:
    """Train by Axolotl's command with the configuration of our run in `model`."""
    folder.mkdir()
    for rows in model.glob("[dt]*.jsonl"):  # dev, and train if the trainer wrote it in another form
        shutil.copyfile(rows, folder / rows.name)
    config = yaml.safe_load((model / "config.yaml").read_text("utf-8").replace(str(model), str(folder)))
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "plugins": [CLOCK]}), encoding="utf-8")
    environment = get_settings().axolotl_env
    child = Child(
        make_command(environment, folder / "config.yaml"), folder / LOG, make_environment(environment), folder
    )
    while child.wait(POLL_INTERVAL) is None:
        pass
    if child.returncode:
        raise SystemExit("axolotl train failed:\n" + "\n".join(tail(folder / LOG, 30)))


def time_training(work: Callable[[], PlannedTraining | None], folder: Path) -> TimedTraining:
    """Run a training, and take its times from the log that it leaves."""
    peak = PeakMemory()
    peak.start()
    started, began = time.time(), time.monotonic()
    plan = work()
    total = time.monotonic() - began
    peak.end()
    times = [line["time"] for line in read_training_log(folder / TRAINING_LOG) if "loss" in line]
    steps = [after - before for before, after in pairwise(times)]
    return TimedTraining(times[0] - started, steps, total, peak.bytes, plan)


class PeakMemory(threading.Thread):
    """Follows the peak memory of the `axolotl train` below this process, as the kernel counts it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look at the processes until the end."""
        while not self._ended.wait(SAMPLE_INTERVAL):
            for process in psutil.Process().children(recursive=True):
                self.bytes = max(self.bytes, peak_of_training(process))

    def end(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()


def peak_of_training(process: psutil.Process) -> int:
    """Return the peak bytes of a process if it is `axolotl train`, else 0."""
    try:
        if "train" not in process.cmdline():
            return 0
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    except (psutil.Error, OSError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def summarise(ours: Sequence[TimedTraining], bare: Sequence[TimedTraining]) -> dict[str, float]:
    """Return the numbers of the last lines; the second run's plan had one measured run to go by."""
    plans = [run.plan for run in ours if run.plan]
    return {
        "overhead": typical_seconds(ours) / typical_seconds(bare),
        "start_s": median(run.start for run in ours) - median(run.start for run in bare),
        **plan_errors(plans[0], plans),
        **({f"{name}_one_run": error for name, error in plan_errors(plans[1], plans[1:]).items()} if plans[1:] else {}),
    }


def plan_errors(plan: PlannedTraining, measured: Sequence[PlannedTraining]) -> dict[str, float]:
    """Return how far a plan is off, as a share of the median of what was measured."""
    peak, seconds = median(run.peak for run in measured), median(run.seconds for run in measured)
    return {
        "peak_error": abs(plan.planned_peak - peak) / peak,
        "time_error": abs(plan.planned_seconds - seconds) / seconds,
    }


def typical_seconds(runs: Sequence[TimedTraining]) -> float:
    """Return the seconds between the first and the last step: for each step the fastest of the runs, added up."""
    return sum(min(times) for times in zip(*(run.steps for run in runs), strict=True))


def print_run(name: str, number: int, run: TimedTraining) -> None:
    """Print a line for one run."""
    print(
        f"round {number + 1}  {name}  {run.start:6.1f} s to the first step  {sum(run.steps):6.1f} s of steps  "
        f"{median(run.steps):6.3f} s a step  {run.total:6.1f} s in all  peak {run.peak_bytes / MB:6.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    main()
