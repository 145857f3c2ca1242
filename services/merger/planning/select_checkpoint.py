"""The choice of the checkpoint to merge: the requested one, or the best one; if several are equally good, a decision.

A score ranks checkpoints, lower is better: the dev loss, or for the voice the dev loss minus the loss of other authors'
passages. The latter ranks as the selectivity does, because the base's own losses are the same for every checkpoint. Two
checkpoints are equally good if a paired bootstrap over passages cannot tell them apart (Efron and Tibshirani, An
Introduction to the Bootstrap, chapter 16).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts.checkpoint_losses import SummedLoss, checkpoint_losses_path, read_checkpoint_losses
from scriptorium.artifacts.checkpoints import best_checkpoint, complete_checkpoints
from scriptorium.contracts import Checkpoint, Decision, DecisionKind, Level, Option
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import Select
from scriptorium.stats.bootstrap import DRAWS, draw_rows, percentile_interval

Rows = list[NDArray[np.float64]]  # one or two sets of passages: a row of (value, weight) for each passage
Score = Callable[[Path, Checkpoint], Rows | None]

TOLERANCE = 0.01  # nats per token: how far two losses may differ if no passage's own loss is known


def select_checkpoint(training: Path, step: int | None, reporter: Reporter, select: Select = "loss") -> Checkpoint:
    """Choose the checkpoint `step`, or the best one; raises MergeFailed if it is missing, or what `ask` raises."""
    saved = complete_checkpoints(training)
    if not saved:
        raise MergeFailed("Training left no complete checkpoint.", next_step="Train again.")
    if step is not None:
        return find_checkpoint(saved, step)
    best, score = rank(training, saved, select, reporter)
    others = [other for other in saved if other.step != best.step]
    rivals = others if select == "decision" else [other for other in others if as_good(training, best, other, score)]
    if not rivals:
        return best
    return find_checkpoint(saved, int(reporter.ask(make_question(best, rivals)).rpartition("-")[2]))


def rank(training: Path, saved: Sequence[Checkpoint], select: Select, reporter: Reporter) -> tuple[Checkpoint, Score]:
    """Return the best checkpoint and the score that ranks it: the dev loss if the voice is not fully measured."""
    selectivities = {checkpoint.step: selectivity(training, checkpoint) for checkpoint in saved}
    by_voice = select in ("voice", "balance")  # calibrating names the checkpoint of a balance, if it could choose one
    if by_voice and all(selectivities.values()):
        values = {step: sum(float(mean(rows)) for rows in sets or []) for step, sets in selectivities.items()}
        return min(saved, key=lambda checkpoint: values[checkpoint.step]), selectivity
    if by_voice:
        measured = any(selectivities.values())
        reason = "not every checkpoint was measured" if measured else "no other authors' passages were read"
        reporter.message(f"[MERGE] The checkpoint is chosen by its dev loss and not by its voice: {reason}", Level.WARN)
    return best_checkpoint(saved), dev_loss


def find_checkpoint(saved: Sequence[Checkpoint], step: int) -> Checkpoint:
    """Return the checkpoint of a step; raises MergeFailed."""
    for checkpoint in saved:
        if checkpoint.step == step:
            return checkpoint
    steps = ", ".join(str(checkpoint.step) for checkpoint in saved)
    raise MergeFailed(f"There is no checkpoint {step}.", param="checkpoint", next_step=f"Choose one of: {steps}.")


def dev_loss(training: Path, checkpoint: Checkpoint) -> Rows | None:
    """Return the summed loss and the tokens of each dev passage, as measured after training."""
    measured = read_checkpoint_losses(checkpoint_losses_path(training, checkpoint.step))
    return [tabulate(measured.bases["stored"].passages)] if measured else None


def selectivity(training: Path, checkpoint: Checkpoint) -> Rows | None:
    """Return the losses of dev passages, and the negated ones of other authors; None if those were not read."""
    measured = read_checkpoint_losses(checkpoint_losses_path(training, checkpoint.step))
    if measured is None or not measured.bases["stored"].others:
        return None
    losses = measured.bases["stored"]
    return [tabulate(losses.passages), tabulate(losses.others) * (-1, 1)]


def tabulate(passages: Sequence[SummedLoss]) -> NDArray[np.float64]:
    """Return a row of loss and tokens for each passage."""
    return np.array([(passage.loss, passage.tokens) for passage in passages])


def mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of values over the sum of weights, along the last but one axis."""
    return np.asarray(rows[..., 0].sum(axis=-1) / rows[..., 1].sum(axis=-1))


def as_good(training: Path, best: Checkpoint, other: Checkpoint, score: Score = dev_loss) -> bool:
    """Return whether noise alone may explain that `best` is ahead."""
    one, two = score(training, best), score(training, other)
    if one and two and all(len(first) == len(second) > 1 for first, second in zip(one, two, strict=True)):
        return lead(one, two) <= 0
    if best.dev_loss is None or other.dev_loss is None:
        return False
    return other.dev_loss - best.dev_loss <= TOLERANCE


def lead(one: Rows, two: Rows) -> float:
    """Return by how much one score leads another, at the lower end of a paired bootstrap's interval."""
    rng = np.random.default_rng(0)
    differences = np.zeros(DRAWS)
    for first, second in zip(one, two, strict=True):
        draws = draw_rows(rng, len(first))
        differences += mean(second[draws]) - mean(first[draws])
    return percentile_interval(differences)[0]


def make_question(best: Checkpoint, rivals: Sequence[Checkpoint]) -> Decision:
    """Ask which checkpoint is merged; the best one is recommended, although it may lead by chance."""
    options = [
        Option(name=f"checkpoint-{choice.step}", meaning=f"merge step {choice.step} ({describe_losses(choice)})")
        for choice in (best, *rivals)
    ]
    return Decision(
        kind=DecisionKind.CHECKPOINT,
        question=f"Which of {len(options)} checkpoints should be merged?",
        reason="A later one has learned more of the style, an earlier one has copied less; on held-out passages they "
        "may differ by no more than chance explains.",
        options=options,
        recommended=options[0].name,
    )


def describe_losses(checkpoint: Checkpoint) -> str:
    """Describe what was measured of a checkpoint."""
    loss = "not measured" if checkpoint.dev_loss is None else f"{checkpoint.dev_loss:.4f}"
    voice = "" if checkpoint.selectivity is None else f", selectivity {checkpoint.selectivity:+.4f}"
    return f"dev loss {loss}{voice}"
