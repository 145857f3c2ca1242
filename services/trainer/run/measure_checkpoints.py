"""Measure every checkpoint on held-out passages, once training has ended: a child program in Axolotl's environment.

What it finds lies beside the checkpoints (see `scriptorium.artifacts.checkpoint_losses`). A training whose
checkpoints could not be measured is whole all the same: then the losses that Axolotl saw decide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from scriptorium.artifacts.checkpoint_losses import FOLDER, Base, OnBase, measured_path, read_measured
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.dataset import REFERENCE, Row, read_rows
from scriptorium.contracts import Level, TrainRequest
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.process.child import Child, tail
from scriptorium.sampling import spread
from scriptorium.settings import get_settings
from services.trainer.run.axolotl import variables

LOG = "measure.log"
LOOK = timedelta(seconds=0.3)
REFERENCES = 4  # passages that are kept in full
OTHERS = 4  # passages of other authors at least; as many as there are of this one where those are more


class Passage(TypedDict):
    """Token ids, of which those from `start` on are the passage's own."""

    ids: list[int]
    start: int


def measure_checkpoints(
    request: TrainRequest, folder: Path, dev: Sequence[Row], steps: Sequence[int], reporter: Reporter
) -> None:
    """Write what each checkpoint thinks of the dev rows; a failure is told, and no more. Raises what `check` raises."""
    passages = locate_passages(request, dev) if dev else []
    if not passages:
        return
    rows = spread(read_rows(request.dataset / f"{REFERENCE}.jsonl"), max(OTHERS, len(passages)))
    others = locate_passages(request, rows) if rows else []
    (folder / FOLDER).mkdir(exist_ok=True)
    order = folder / FOLDER / "order.json"
    order.write_text(json.dumps(make_order(request, folder, passages, others, steps)), encoding="utf-8")
    reporter.message(
        f"[TRAIN] Measuring {len(steps)} checkpoint(s) on {len(passages)} held-out passages and {len(others)} of others"
    )
    environment = get_settings().axolotl_env
    line: list[str | Path] = [
        environment / "bin" / "python",
        "-m",
        "services.trainer.inside_axolotl.score_checkpoints",
        order,
    ]
    child = Child(line, folder / LOG, variables(environment), folder)
    watch(child, folder, steps, reporter)
    order.unlink()


def locate_passages(request: TrainRequest, dev: Sequence[Row]) -> list[Passage]:
    """The rows as token ids, as long as training takes them, but for those whose answer does not fit."""
    tokenizer, longest = chat_tokenizer(request.base), request.training.sequence_len
    spans = [tokenizer.span(row.messages) for row in dev]
    return [{"ids": ids[:longest], "start": max(start, 1)} for ids, start in spans if start < min(len(ids), longest)]


def make_order(
    request: TrainRequest, folder: Path, passages: Sequence[Passage], others: Sequence[Passage], steps: Sequence[int]
) -> dict[str, object]:
    """What the child is told: paths and passages."""
    return {
        "base": str(request.base),
        "adapters": {str(measured_path(folder, step)): str(checkpoint_folder(folder, step)) for step in steps},
        "passages": list(passages),
        "others": list(others),
        "references": REFERENCES,
        "quantised": str(folder / "quantised.safetensors"),
    }


def watch(child: Child, folder: Path, steps: Sequence[int], reporter: Reporter) -> None:
    """Tell each checkpoint's losses as they come; whatever happens, nothing of the child is left behind."""
    told: set[tuple[int, Base]] = set()
    try:
        while child.wait(LOOK) is None:
            reporter.check()
            tell(folder, steps, told, reporter)
    finally:
        child.stop(grace=timedelta(seconds=1))
    tell(folder, steps, told, reporter)
    if child.returncode:
        words = next((line for line in reversed(tail(folder / LOG)) if "Error" in line), "no output")
        reporter.message(f"[TRAIN] Not every checkpoint could be measured: {words[:300]}", Level.WARN)


def tell(folder: Path, steps: Sequence[int], told: set[tuple[int, Base]], reporter: Reporter) -> None:
    """Say what was found since the last look; `told` keeps what was said."""
    for step in steps:
        found = read_measured(measured_path(folder, step))
        for base, on in found.bases.items() if found else ():
            if (step, base) not in told:
                tell_one(step, base, on, reporter)
                told.add((step, base))


def tell_one(step: int, base: Base, on: OnBase, reporter: Reporter) -> None:
    """What was found of a checkpoint on one base; its selectivity on the stored one is a point of a curve."""
    text = f"[TRAIN] checkpoint-{step} on the {base} base: loss {on.loss:.4f} on held-out passages"
    if on.selectivity is None:
        reporter.message(text, step=step, loss=on.loss)
        return
    reporter.message(f"{text}, selectivity {on.selectivity:+.4f}", step=step, loss=on.loss, selectivity=on.selectivity)
    if base == "stored":
        reporter.remember({f"checkpoint_selectivity/{step}": on.selectivity})
