"""Which checkpoint is merged: the one that was asked for, or the best one; where several are as good, a decision.

A score ranks checkpoints, lower is better: the dev loss, or for the voice the dev loss less the loss of other authors'
passages, which ranks as the selectivity does, for what the base says of both is the same for every checkpoint. Two are
as good as each other where a paired bootstrap over passages cannot tell them apart (Efron and Tibshirani, An
Introduction to the Bootstrap, chapter 16).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts.checkpoint_losses import Passage, measured_path, read_measured
from scriptorium.artifacts.checkpoints import best_checkpoint, whole_checkpoints
from scriptorium.contracts import Checkpoint, Decision, DecisionKind, Level, Option
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import Select

Rows = list[NDArray[np.float64]]  # of one or two sets of passages: a row of (value, weight) for each
Score = Callable[[Path, Checkpoint], Rows | None]

TOLERANCE = 0.01  # nats a token: what two losses may differ by where no passage's own loss is known
DRAWS = 2000
TAIL = 2.5  # percent


def select_checkpoint(training: Path, step: int | None, reporter: Reporter, select: Select = "loss") -> Checkpoint:
    """Choose the checkpoint `step`, or the best one; raises MergeFailed where it is not there, or what `ask` raises."""
    saved = whole_checkpoints(training)
    if not saved:
        raise MergeFailed("Training left no whole checkpoint.", next_step="Train again.")
    if step is not None:
        return find(saved, step)
    best, score = rank(training, saved, select, reporter)
    others = [other for other in saved if other.step != best.step]
    near = others if select == "decision" else [other for other in others if as_good(training, best, other, score)]
    return find(saved, int(reporter.ask(make_question(best, near)).rpartition("-")[2])) if near else best


def rank(training: Path, saved: Sequence[Checkpoint], select: Select, reporter: Reporter) -> tuple[Checkpoint, Score]:
    """The best checkpoint, and the score that says so: the dev loss where the voice is wanted and was not measured."""
    found = {checkpoint.step: selectivity(training, checkpoint) for checkpoint in saved}
    if select == "voice" and all(found.values()):
        values = {step: sum(float(mean(rows)) for rows in sets or []) for step, sets in found.items()}
        return min(saved, key=lambda checkpoint: values[checkpoint.step]), selectivity
    if select == "voice":
        why = "no other authors' passages were read" if not any(found.values()) else "not every checkpoint was measured"
        reporter.message(f"[MERGE] The checkpoint is chosen by its dev loss and not by its voice: {why}", Level.WARN)
    return best_checkpoint(saved), dev_loss


def find(saved: Sequence[Checkpoint], step: int) -> Checkpoint:
    """The checkpoint of a step; raises MergeFailed."""
    for checkpoint in saved:
        if checkpoint.step == step:
            return checkpoint
    have = ", ".join(str(checkpoint.step) for checkpoint in saved)
    raise MergeFailed(f"There is no checkpoint {step}.", param="checkpoint", next_step=f"Choose one of: {have}.")


def dev_loss(training: Path, checkpoint: Checkpoint) -> Rows | None:
    """The summed loss of each dev passage and its tokens, as measured after training."""
    measured = read_measured(measured_path(training, checkpoint.step))
    return [tabulate(measured.bases["stored"].passages)] if measured else None


def selectivity(training: Path, checkpoint: Checkpoint) -> Rows | None:
    """The same, and that of other authors' passages turned round; None where none were read."""
    measured = read_measured(measured_path(training, checkpoint.step))
    if measured is None or not measured.bases["stored"].others:
        return None
    on = measured.bases["stored"]
    return [tabulate(on.passages), tabulate(on.others) * (-1, 1)]


def tabulate(passages: Sequence[Passage]) -> NDArray[np.float64]:
    """A row of loss and tokens for each passage."""
    return np.array([(passage.loss, passage.tokens) for passage in passages])


def mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The value of a unit of weight, over the rows of the last but one axis."""
    return np.asarray(rows[..., 0].sum(axis=-1) / rows[..., 1].sum(axis=-1))


def as_good(training: Path, best: Checkpoint, other: Checkpoint, score: Score = dev_loss) -> bool:
    """Whether noise alone may explain that `best` is ahead."""
    one, two = score(training, best), score(training, other)
    if one and two and all(len(mine) == len(theirs) > 1 for mine, theirs in zip(one, two, strict=True)):
        return lead(one, two) <= 0
    if best.dev_loss is None or other.dev_loss is None:
        return False
    return other.dev_loss - best.dev_loss <= TOLERANCE


def lead(one: Rows, two: Rows) -> float:
    """What one score is ahead of another by, at the lower end of a paired bootstrap's interval."""
    chance = np.random.default_rng(0)
    differences = np.zeros(DRAWS)
    for mine, theirs in zip(one, two, strict=True):
        draws = chance.integers(0, len(mine), size=(DRAWS, len(mine)))
        differences += mean(theirs[draws]) - mean(mine[draws])
    return float(np.percentile(differences, TAIL))


def make_question(best: Checkpoint, near: Sequence[Checkpoint]) -> Decision:
    """The question; the best one is recommended, though it leads by chance perhaps."""
    options = [
        Option(name=f"checkpoint-{one.step}", meaning=f"merge step {one.step} ({describe(one)})")
        for one in (best, *near)
    ]
    return Decision(
        kind=DecisionKind.CHECKPOINT,
        question=f"Which of {len(options)} checkpoints is merged?",
        reason="A later one has learned more of the style, an earlier one has copied less; on held-out passages they "
        "may differ by no more than chance explains.",
        options=options,
        recommended=options[0].name,
    )


def describe(checkpoint: Checkpoint) -> str:
    """What was measured of a checkpoint."""
    loss = "not measured" if checkpoint.dev_loss is None else f"{checkpoint.dev_loss:.4f}"
    voice = "" if checkpoint.selectivity is None else f", selectivity {checkpoint.selectivity:+.4f}"
    return f"dev loss {loss}{voice}"
