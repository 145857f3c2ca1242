"""The choice of the base that a QLoRA adapter is merged onto: the stored one, or its 4-bit version used in training.

The adapter has learned to compensate for NF4's errors, but the stored base is the better one to start from; which
matters more is measured. The loss of the dev passages on both decides (see `scriptorium.artifacts.checkpoint_losses`),
and both are recorded.
"""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import BaseVariant, checkpoint_losses_path, read_checkpoint_losses
from scriptorium.contracts import Level
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import Reporter
from services.merger.inputs import base as stored
from services.merger.inputs.nf4 import RoundTrip, find_quantised, is_repeatable


def choose_base(
    model: stored.Base, training: Path, step: int, reporter: Reporter
) -> tuple[dict[str, RoundTrip], dict[BaseVariant, float]]:
    """Return the weights that go through NF4, none for the stored base, and the losses that decided, if measured."""
    measured = read_checkpoint_losses(checkpoint_losses_path(training, step))
    bases = measured.bases if measured else {}
    losses: dict[BaseVariant, float] = {base: results.loss for base, results in bases.items()}
    quantised = quantised_weights(model, training, reporter)
    if not quantised:
        return {}, losses
    if "nf4" not in losses or "stored" not in losses:
        reporter.message(
            "[MERGE] The adapter was not measured on both bases: it is merged onto the stored one", Level.WARN
        )
        return {}, losses
    better = min(losses, key=lambda base: losses[base])
    comparison = ", ".join(f"{loss:.4f} on the {base} base" for base, loss in losses.items())
    reporter.message(f"[MERGE] Dev loss {comparison}: merged onto the {better} one", losses=losses, base=better)
    return (quantised if better == "nf4" else {}), losses


def quantised_weights(model: stored.Base, training: Path, reporter: Reporter) -> dict[str, RoundTrip]:
    """Return the weights that training quantised; none, with a warning, if that cannot be repeated exactly."""
    try:
        round_trips = find_quantised(training)
    except MergeFailed as error:
        reporter.message(f"[MERGE] {error}", Level.WARN)
        return {}
    unrepeatable = [
        name
        for name, round_trip in round_trips.items()
        if name not in model.tensors or not is_repeatable(model.tensors[name], round_trip)
    ]
    if unrepeatable:
        reporter.message(
            f"[MERGE] The quantisation of {unrepeatable[0]} cannot be repeated: its shape does not fit", Level.WARN
        )
        return {}
    # copies, without the scales that were just read
    return {name: RoundTrip(round_trip.path, round_trip.module) for name, round_trip in round_trips.items()}
