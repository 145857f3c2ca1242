"""The work of the six phases, played in a moment: the files that the next phase and the user need, and no more."""

from __future__ import annotations

import os
import time
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.dataset import QUALITY_PAGE
from scriptorium.artifacts.training_log import TRAINING_CSV, TRAINING_LOG
from scriptorium.contracts import (
    CalibrateRequest,
    CalibrateResult,
    Checkpoint,
    EvaluateRequest,
    EvaluateResult,
    LossDrop,
    MergeRequest,
    MergeResult,
    PrepareRequest,
    PrepareResult,
    ServeRequest,
    ServeResult,
    TrainRequest,
    TrainResult,
)
from scriptorium.contracts.report.document import REPORT, REPORT_PAGE
from scriptorium.jobs.engine_sessions import Locate, session_models
from scriptorium.jobs.reporter import Reporter
from scriptorium.settings import Settings, get_settings
from scriptorium.store import open_store
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine import EnginePlan, describe_plan
from services.server.failures.engine_failures import append_mark
from services.server.serve import bring_up, endpoint_of
from tests.integration.work import write_adapter

STEPS = 20
WEIGHTS_BYTES = 200_000
PAGE = "<!doctype html><title>page</title>"
ENGINE_URL = "SOAK_ENGINE_URL"  # the variable with the address at which every played engine answers


def prepare_manuscript(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Read the manuscript, and write its splits and a page."""
    words = request.manuscript.read_text().split()
    for split in ("train", "dev", "test"):
        (folder / f"{split}.jsonl").write_text('{"messages": []}\n' * 50)
    (folder / QUALITY_PAGE).write_text(PAGE)
    reporter.message(f"[DATA] {len(words)} words")
    return PrepareResult(words=len(words), chapters=1, splits={})


def train_adapter(request: TrainRequest, folder: Path, reporter: Reporter) -> TrainResult:
    """Report some steps, and save a checkpoint at the last."""
    for step in range(1, STEPS + 1):
        reporter.check()
        reporter.metrics(f"[TRAIN] Step {step}/{STEPS}", step=step, total_steps=STEPS, train_loss=3 - step / STEPS)
        time.sleep(0.005)
    checkpoint = Checkpoint(step=STEPS, created_at=int(time.time()), dev_loss=2.5)
    saved = checkpoint_folder(folder, STEPS)
    write_adapter(saved)
    manifest.write(saved, checkpoint.model_dump(mode="json"))
    reporter.checkpoint(checkpoint)
    for name in (TRAINING_LOG, TRAINING_CSV):
        (folder / name).write_text("step\n1\n")
    return TrainResult(
        checkpoints=[checkpoint], first_loss=3.0, last_loss=2.0, steps=STEPS, trained_tokens=1000, seconds=1.0
    )


def calibrate_voice(request: CalibrateRequest, folder: Path, reporter: Reporter) -> CalibrateResult:
    """Choose the only checkpoint."""
    reporter.message("[CALIBRATE] One checkpoint")
    return CalibrateResult(step=STEPS)


def merge_adapter(request: MergeRequest, folder: Path, reporter: Reporter) -> MergeResult:
    """Write weights that nobody reads."""
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(os.urandom(WEIGHTS_BYTES))
    return MergeResult(step=STEPS, dev_loss=None, merged_tensors=1, copied_tensors=0, bytes=WEIGHTS_BYTES, seconds=0.1)


def serve_model(request: ServeRequest, folder: Path, reporter: Reporter) -> ServeResult:
    """Have both models served by the real reconciler, and prove nothing."""
    settings = get_settings()
    store = open_store(settings.store_url, patient=True)
    base, tuned = bring_up(store, request, session_models(request, gpu=settings.gpu), reporter)
    return ServeResult(base=endpoint_of(base), tuned=endpoint_of(tuned), seconds=0.1, canary="")


def evaluate_voice(request: EvaluateRequest, folder: Path, reporter: Reporter, *, locate: Locate) -> EvaluateResult:
    """Find both engines, and write a report."""
    while not (locate(request.base) and locate(request.tuned)):
        reporter.check()
        time.sleep(0.02)
    (folder / REPORT).write_text("{}")
    (folder / REPORT_PAGE).write_text(PAGE)
    drop = LossDrop(passages=1, base=3.0, tuned=2.0, drop_percent=33.0, low_percent=30.0, high_percent=36.0)
    return EvaluateResult(author=drop, others=None, samples=1)


class PlayedEngine:
    """An engine that is ready at once; all of them answer at one address, and each has a log as vLLM has."""

    def __init__(self, plan: EnginePlan, settings: Settings, log: Path, gpu: int | None = None) -> None:
        self.plan = plan
        self.url = os.environ[ENGINE_URL]
        self.dead = self.ready = self.was_ready = False
        append_mark(log, f"A played engine of {', '.join(model.name for model in plan)} starts")

    def check_health(self) -> None:
        """Become ready."""
        self.ready = self.was_ready = True

    def is_busy(self) -> bool:
        """Return False: a request takes no time."""
        return False

    def can_become(self, plan: EnginePlan) -> bool:
        """Return whether the plan is this engine's: on a CPU nothing is swapped."""
        return plan == self.plan

    def load(self, model: WantedModel) -> None:
        """Load an adapter."""
        raise AssertionError("no adapter is swapped on a CPU")

    drop = load

    def silence(self) -> float:
        """Return no time."""
        return 0.0

    def stop(self) -> None:
        """End."""
        self.dead = True

    def failure_cause(self) -> None:
        """Return that there is none."""

    def describe(self, state: str, reason: str = "") -> list[Engine]:
        """Describe the engine for the store."""
        return describe_plan(self.plan, state, reason, self.url)
