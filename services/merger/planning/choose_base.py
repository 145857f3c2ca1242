"""Which base a QLoRA adapter is merged onto: the one that is stored, or what 4-bit training had made of it.

The adapter has learned to mend what NF4 broke, but the stored base is the better one to begin with; which counts more
is measured. The loss of the dev passages on both decides (see `scriptorium.artifacts.checkpoint_losses`), and both are
recorded.
"""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import Base, measured_path, read_measured
from scriptorium.contracts import Level
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import Reporter
from services.merger.inputs import base as stored
from services.merger.inputs.nf4 import RoundTrip, find_quantised, repeatable


def choose_base(
    model: stored.Base, training: Path, step: int, reporter: Reporter
) -> tuple[dict[str, RoundTrip], dict[Base, float]]:
    """The weights that go through NF4, none for the stored base; and the losses that decided, where there are any."""
    measured = read_measured(measured_path(training, step))
    losses: dict[Base, float] = {base: on.loss for base, on in measured.bases.items()} if measured else {}
    quantised = quantised_weights(model, training, reporter)
    if not quantised:
        return {}, losses
    if "nf4" not in losses or "stored" not in losses:
        reporter.message(
            "[MERGE] Not measured on which base the adapter is better: merged onto the stored one", Level.WARN
        )
        return {}, losses
    better = min(losses, key=lambda base: losses[base])
    told = ", ".join(f"{loss:.4f} on the {base} base" for base, loss in losses.items())
    reporter.message(f"[MERGE] Dev loss {told}: merged onto the {better} one", losses=losses, base=better)
    return (quantised if better == "nf4" else {}), losses


def quantised_weights(model: stored.Base, training: Path, reporter: Reporter) -> dict[str, RoundTrip]:
    """The weights that training had quantised; none, and a word, where that cannot be repeated exactly."""
    try:
        found = find_quantised(training)
    except MergeFailed as error:
        reporter.message(f"[MERGE] {error}", Level.WARN)
        return {}
    strange = [n for n, trip in found.items() if n not in model.tensors or not repeatable(model.tensors[n], trip)]
    if strange:
        reporter.message(
            f"[MERGE] The quantisation of {strange[0]} cannot be repeated: its shape does not fit", Level.WARN
        )
        return {}
    return {name: RoundTrip(trip.path, trip.module) for name, trip in found.items()}  # without the scales just read
