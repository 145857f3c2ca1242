"""Measure every checkpoint on held-out passages after training, in a child process in Axolotl's environment.

The results lie beside the checkpoints (see `scriptorium.artifacts.checkpoint_losses`). A training whose checkpoints
could not be measured is still complete: then the losses that Axolotl logged decide.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from scriptorium.artifacts.checkpoint_losses import (
    FOLDER,
    BaseLosses,
    BaseVariant,
    checkpoint_losses_path,
    read_checkpoint_losses,
)
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.dataset import REFERENCE, Row, read_rows
from scriptorium.contracts import Level, TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.process.child import Child, tail
from scriptorium.sampling import spread
from services.trainer.run.launch import start_program
from services.trainer.run.wandb_order import wandb_environment

LOG = "measure.log"
PROGRAM = "services.trainer.inside_axolotl.score_checkpoints"
POLL_INTERVAL = timedelta(seconds=0.3)
REFERENCES = 4  # passages whose log-probabilities are stored token by token
MIN_OTHERS = 4  # passages of other authors; as many as of this author if those are more


class EncodedPassage(TypedDict):
    """A prompt and a passage as token ids; the passage begins at `start`."""

    ids: list[int]
    start: int


def measure_checkpoints(
    request: TrainRequest, folder: Path, dev: Sequence[Row], steps: Sequence[int], reporter: Reporter
) -> None:
    """Write each checkpoint's losses on the dev rows; a failure is only reported. Raises what `check` raises."""
    passages = locate_passages(request, dev) if dev else []
    if not passages:
        return
    rows = spread(read_rows(request.dataset / f"{REFERENCE}.jsonl"), max(MIN_OTHERS, len(passages)))
    others = locate_passages(request, rows) if rows else []
    (folder / FOLDER).mkdir(exist_ok=True)
    order = folder / FOLDER / "order.json"
    order.write_text(json.dumps(make_order(request, folder, passages, others, steps)), encoding="utf-8")
    reporter.message(
        f"[TRAIN] Measuring {len(steps)} checkpoint(s) on {len(passages)} held-out passages and {len(others)} of others"
    )
    child = start_program(PROGRAM, order, folder / LOG, request.training, wandb_environment(request, folder))
    watch(child, folder, steps, reporter)
    order.unlink()


def locate_passages(request: TrainRequest, dev: Sequence[Row]) -> list[EncodedPassage]:
    """Encode the rows, cut to training's sequence length; leaves out rows whose answer does not fit."""
    tokenizer, limit = chat_tokenizer(request.base), request.training.sequence_len
    spans = [tokenizer.encode_last_turn(row.messages) for row in dev]
    return [{"ids": ids[:limit], "start": max(start, 1)} for ids, start in spans if start < min(len(ids), limit)]


def make_order(
    request: TrainRequest,
    folder: Path,
    passages: Sequence[EncodedPassage],
    others: Sequence[EncodedPassage],
    steps: Sequence[int],
) -> dict[str, object]:
    """Make the child's order: paths and passages."""
    return {
        "training": str(folder),
        "base": str(request.base),
        "adapters": {str(checkpoint_losses_path(folder, step)): str(checkpoint_folder(folder, step)) for step in steps},
        "passages": list(passages),
        "others": list(others),
        "references": REFERENCES,
        "quantised": str(folder / "quantised.safetensors"),
    }


def watch(child: Child, folder: Path, steps: Sequence[int], reporter: Reporter) -> None:
    """Report each checkpoint's losses as they come; leaves none of the child's processes behind."""
    reported: set[tuple[int, BaseVariant]] = set()
    reason = watch_child(child, lambda: report_new(folder, steps, reported, reporter), reporter)
    if reason:
        reporter.message(f"[TRAIN] Not every checkpoint could be measured: {reason}", Level.WARN)


def watch_child(child: Child, report: Callable[[], None], reporter: Reporter) -> str:
    """Call `report` until a child ends; returns why it failed, or nothing. Raises what `check` raises."""
    try:
        while child.wait(POLL_INTERVAL) is None:
            reporter.check()
            report()
    finally:
        child.stop(grace=timedelta(seconds=1))
    report()
    if not child.returncode:
        return ""
    return next((line for line in reversed(tail(child.log)) if "Error" in line), "no output")[:300]


def report_new(folder: Path, steps: Sequence[int], reported: set[tuple[int, BaseVariant]], reporter: Reporter) -> None:
    """Report the losses that are new since the last call, and add them to `reported`."""
    for step in steps:
        measured = read_checkpoint_losses(checkpoint_losses_path(folder, step))
        for base, losses in measured.bases.items() if measured else ():
            if (step, base) not in reported:
                report_losses(step, base, losses, reporter)
                reported.add((step, base))


def report_losses(step: int, base: BaseVariant, losses: BaseLosses, reporter: Reporter) -> None:
    """Report a checkpoint's losses on one base; its selectivity on the stored base is a point of a curve."""
    loss, selectivity = losses.loss, losses.selectivity
    text = f"[TRAIN] checkpoint-{step} on the {base} base: loss {loss:.4f} on held-out passages"
    if selectivity is None:
        reporter.message(text, step=step, loss=loss)
        return
    reporter.message(f"{text}, selectivity {selectivity:+.4f}", step=step, loss=loss, selectivity=selectivity)
    if base == "stored":
        reporter.remember({f"checkpoint_selectivity/{step}": selectivity})
