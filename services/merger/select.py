"""Which checkpoint is merged: the one that was asked for, or the best one; where several are as good, a decision.

A score ranks checkpoints, lower is better, and gives a value for each held-out passage where it has them. Two are as
good as each other where a paired bootstrap over passages cannot tell them apart (Efron and Tibshirani, An Introduction
to the Bootstrap, chapter 16). The dev loss is the only score now; another one is another function `Score`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scriptorium.checkpoints import best_checkpoint, whole_checkpoints
from scriptorium.contracts import Checkpoint, Decision, DecisionKind, Option
from scriptorium.errors import MergeFailed
from scriptorium.measured import measured_path, read_measured
from scriptorium.report import Report

Score = Callable[[Path, Checkpoint], "NDArray[np.float64] | None"]  # rows of (value, weight), one for each passage

TOLERANCE = 0.01  # nats a token: what two losses may differ by where no passage's own loss is known
DRAWS = 2000
TAIL = 2.5  # percent


def select_checkpoint(training: Path, step: int | None, report: Report) -> Checkpoint:
    """Choose the checkpoint `step`, or the best one; raises MergeFailed where it is not there, or what `ask` raises."""
    saved = whole_checkpoints(training)
    if not saved:
        raise MergeFailed("Training left no whole checkpoint.", next_step="Train again.")
    if step is not None:
        return find(saved, step)
    best = best_checkpoint(saved)
    near = [other for other in saved if other.step != best.step and as_good(training, best, other)]
    return find(saved, int(report.ask(make_question(best, near)).rpartition("-")[2])) if near else best


def find(saved: Sequence[Checkpoint], step: int) -> Checkpoint:
    """The checkpoint of a step; raises MergeFailed."""
    for checkpoint in saved:
        if checkpoint.step == step:
            return checkpoint
    have = ", ".join(str(checkpoint.step) for checkpoint in saved)
    raise MergeFailed(f"There is no checkpoint {step}.", param="checkpoint", next_step=f"Choose one of: {have}.")


def dev_loss(training: Path, checkpoint: Checkpoint) -> NDArray[np.float64] | None:
    """The summed loss of each dev passage and its tokens, as measured after training."""
    measured = read_measured(measured_path(training, checkpoint.step))
    if measured is None:
        return None
    return np.array([(passage.loss, passage.tokens) for passage in measured.bases["stored"].passages])


def as_good(training: Path, best: Checkpoint, other: Checkpoint, score: Score = dev_loss) -> bool:
    """Whether noise alone may explain that `best` is ahead."""
    one, two = score(training, best), score(training, other)
    if one is not None and two is not None and len(one) == len(two) > 1:
        return lead(one, two) <= 0
    if best.dev_loss is None or other.dev_loss is None:
        return False
    return other.dev_loss - best.dev_loss <= TOLERANCE


def lead(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """What one score is ahead of another by, at the lower end of a paired bootstrap's interval."""
    draws = np.random.default_rng(0).integers(0, len(one), size=(DRAWS, len(one)))
    differences = (two[:, 0] - one[:, 0])[draws].sum(axis=1) / one[:, 1][draws].sum(axis=1)
    return float(np.percentile(differences, TAIL))


def make_question(best: Checkpoint, near: Sequence[Checkpoint]) -> Decision:
    """The question; the lowest dev loss is recommended, though it leads by chance perhaps."""
    options = [
        Option(name=f"checkpoint-{one.step}", meaning=f"merge step {one.step} (dev loss {one.dev_loss:.4f})")
        for one in (best, *near)
    ]
    return Decision(
        kind=DecisionKind.CHECKPOINT,
        question=f"Which of {len(options)} checkpoints is merged?",
        reason="Their losses on held-out passages differ by no more than chance explains; a later one has learned more "
        "of the style, an earlier one has copied less.",
        options=options,
        recommended=options[0].name,
    )
