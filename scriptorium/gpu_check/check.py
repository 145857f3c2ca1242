"""The check, step by step: each uses what is installed, a failure is one line, and the others go on.

card         what the driver says of it, and that its memory is free
doctor       every check of `scriptorium doctor`
job          a small model and a book through every phase of the real stack
model        random weights in the shape of an 8B model: nothing is downloaded
qlora, lora  an epoch of a book by these recipes, under the cap, beside the plan
merge        the last adapter into the model
serve        vLLM with the merged model: until it answers, how fast it writes, until its memory is free
train again  the first step of the next training: what a hand-over ends with
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from scriptorium.contracts import MergeRequest
from scriptorium.doctor import CheckStatus, examine
from scriptorium.doctor.check import Subject
from scriptorium.doctor.probe import Probe
from scriptorium.errors import Conflict, ScriptoriumError
from scriptorium.gpu_check.random_model import write_model
from scriptorium.gpu_check.record import GIB, TRAININGS, CheckRecord, Numbers, Outcome, StepRecord
from scriptorium.gpu_check.rows import write_dataset
from scriptorium.gpu_check.serving import serve_once
from scriptorium.gpu_check.shape import CheckShape
from scriptorium.gpu_check.training import train_once
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import GGUF
from scriptorium.local.environments import DEMO
from scriptorium.planning.this_machine import gpu_index
from scriptorium.process.device_memory import read_device_memory
from scriptorium.recipe import find_recipe
from scriptorium.settings import Settings

STEPS = ("card", "doctor", "job", "model", *TRAININGS, "merge", "serve", "train again")
LARGE = ("models", "merged", "rows")  # folders of which nothing is kept
KEPT_FILES = ("config.yaml", "*.jsonl", "*.log", "*.json", "logs/*.log")  # of the work folder; the weights go
DISK_COPIES = 2.6  # the model, its merged copy, and the checkpoints of three trainings, 3 GB each at 8B
AGAIN_STEPS = 2
Notify = Callable[[str], None]


@dataclass(frozen=True)
class CheckPlan:
    """The model's shape, the steps to take, and where to work and to write the record."""

    shape: CheckShape
    output: Path
    steps: tuple[str, ...] = STEPS

    @property
    def work(self) -> Path:
        """The folder for everything that is large."""
        return self.output / "work"

    @property
    def base(self) -> Path:
        """The random model's folder."""
        return self.work / "models" / f"random-{self.shape.name}"

    @property
    def merged(self) -> Path:
        """The merged model's folder."""
        return self.work / "merged"


class GpuCheck:
    """Takes the steps of a plan with these settings; `run_job` runs the small job in a folder."""

    def __init__(
        self,
        plan: CheckPlan,
        settings: Settings,
        record: CheckRecord,
        run_job: Callable[[Path], Numbers],
        notify: Notify,
    ) -> None:
        self._plan, self._settings, self._record = plan, settings, record
        self._run_job, self._notify = run_job, notify
        self._last_training: Path | None = None

    def run(self) -> CheckRecord:
        """Take every step, write the record after each, and remove the weights in the end."""
        works: Mapping[str, Callable[[], Numbers]] = {
            "card": self._look_at_card,
            "doctor": self._ask_doctor,
            "job": partial(self._run_job, self._plan.work / "job"),
            "model": self._write_model,
            **{name: partial(self._train, name, name, self._plan.shape.max_steps) for name in TRAININGS},
            "merge": self._merge,
            "serve": self._serve,
            "train again": partial(self._train, "lora", "again", AGAIN_STEPS),
        }
        self._plan.work.mkdir(parents=True, exist_ok=True)
        try:
            for name in self._plan.steps:
                self._notify(f"{name} ...")
                step = take_step(name, works[name], self._lacks(name))
                self._record.steps.append(step)
                self._record.write(self._plan.output)
                self._notify(str(step))
        finally:
            keep_small_files(self._plan.work, self._plan.output)
        return self._record

    def _lacks(self, name: str) -> str:
        """Return what a step lacks on this machine, or ""."""
        settings, lacks = self._settings, []
        if name in ("job", *TRAININGS, "train again") and not (settings.axolotl_env / "bin" / "axolotl").exists():
            lacks.append(f"Axolotl is not installed in {settings.axolotl_env}")
        if name in ("job", "serve") and not (settings.vllm_env / "bin" / "python").exists():
            lacks.append(f"vLLM is not installed in {settings.vllm_env}")
        if name == "job" and not (DEMO / "packages" / GGUF).exists():
            lacks.append("the demo's model and book are not installed")
        if name in (*TRAININGS, "merge", "serve", "train again") and not self._is_done("model"):
            lacks.append("there is no model")
        if name == "merge" and self._last_training is None:
            lacks.append("there is no adapter")
        if name == "model":
            lacks += self._lacking_disk()
        return "; ".join(lacks)

    def _lacking_disk(self) -> list[str]:
        needed, free = DISK_COPIES * self._plan.shape.bytes, shutil.disk_usage(self._plan.output).free
        return [f"{needed / GIB:.0f} GiB of disk are needed and {free / GIB:.0f} are free"] if needed > free else []

    def _is_done(self, name: str) -> bool:
        return any(step.name == name and step.outcome is Outcome.DONE for step in self._record.steps)

    def _look_at_card(self) -> Numbers:
        """Return the card's memory. Raises Conflict if another program has it."""
        memory = read_device_memory(gpu_index(self._settings) if self._settings.gpu else None)
        if memory is None:
            raise Conflict("the driver does not tell the memory")
        if memory.free < self._settings.free_share * memory.total:
            raise Conflict(f"only {memory}; end what uses it, such as a running stack (`scriptorium down`)")
        return {"total_gib": memory.total / GIB, "free_gib": memory.free / GIB}

    def _ask_doctor(self) -> Numbers:
        """Return the counts of the doctor's findings. Raises Conflict with those that failed."""
        findings = examine(Subject(Probe(), self._settings))
        body = json.dumps([asdict(finding) for finding in findings], indent=2)
        (self._plan.output / "doctor.json").write_text(body, encoding="utf-8")
        if failures := [f"{one.check}: {one.seen}" for one in findings if one.status is CheckStatus.FAIL]:
            raise Conflict("; ".join(failures))
        counts = Counter(str(finding.status) for finding in findings)
        return {name: float(count) for name, count in counts.items()}

    def _write_model(self) -> Numbers:
        write_model(self._plan.base, self._plan.shape)
        return {"gib": self._plan.shape.bytes / GIB}

    def _train(self, recipe_name: str, run_name: str, max_steps: int | None) -> Numbers:
        recipe = find_recipe(recipe_name, self._settings.recipes_dir)
        folder, dataset = self._plan.work / run_name, self._plan.work / f"rows-{run_name}"
        write_dataset(dataset, recipe.data, self._plan.shape.words)
        numbers = train_once(self._plan.base, dataset, folder, recipe, card=self._record.card, max_steps=max_steps)
        self._last_training = folder
        return numbers

    def _merge(self) -> Numbers:
        from services.merger.merge import merge_adapter

        assert self._last_training is not None  # noqa: S101  `_lacks` has looked
        self._plan.merged.mkdir()
        request = MergeRequest(base=self._plan.base, training=self._last_training)
        result = merge_adapter(request, self._plan.merged, SilentReporter())
        return {"merge_s": result.seconds, "gib": result.bytes / GIB, "tensors": result.merged_tensors}

    def _serve(self) -> Numbers:
        model = self._plan.merged if self._is_done("merge") else self._plan.base
        return serve_once(model, self._plan.work / "engine.log", self._settings)


def take_step(name: str, work: Callable[[], Numbers], lacks: str = "") -> StepRecord:
    """Take a step that lacks nothing, and return its record, whatever happens."""
    if lacks:
        return StepRecord(name, Outcome.LEFT_OUT, reason=lacks)
    started = time.monotonic()
    try:
        numbers = work()
    except Exception as error:  # noqa: BLE001  a step that fails must not end the check
        return StepRecord(name, Outcome.FAILED, time.monotonic() - started, describe_error(error))
    return StepRecord(name, Outcome.DONE, time.monotonic() - started, numbers=numbers)


def describe_error(error: Exception) -> str:
    """Return an error in one line; one that nobody expected with its type."""
    text = str(error) if isinstance(error, ScriptoriumError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())[:600]


def keep_small_files(work: Path, output: Path) -> None:
    """Copy the logs, configurations and numbers of each run to the output, and remove everything else."""
    for folder in (path for path in work.iterdir() if path.is_dir() and not path.name.startswith(LARGE)):
        target = output / folder.name
        for file in (file for pattern in KEPT_FILES for file in folder.glob(pattern)):
            target.mkdir(exist_ok=True)
            shutil.copyfile(file, target / file.name)
    for log in work.glob("*.log"):
        shutil.copyfile(log, output / log.name)
    shutil.rmtree(work)
