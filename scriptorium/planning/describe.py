"""An estimate in words: one line for a log, and the changes that make a training fit."""

from __future__ import annotations

from scriptorium.contracts.estimate import TrainingEstimate

GIB = 1024**3
MIB = 1024**2


def describe_plan(plan: TrainingEstimate) -> str:
    """Return a plan in one line: updates, time, memory and disk."""
    available = "" if plan.available_bytes is None else f" of {format_bytes(plan.available_bytes)}"
    return (
        f"{plan.updates:,} updates ({plan.warmup_steps} to warm up), about {format_seconds(plan.seconds)} "
        f"at {plan.tokens_per_second:,.0f} tokens/s, {format_bytes(plan.peak_bytes)}{available} of memory, "
        f"{format_bytes(plan.disk_bytes)} of disk"
    )


def describe_changes(plan: TrainingEstimate) -> str:
    """Return the next step for a plan that does not fit into the memory."""
    if not plan.changes:
        return "Choose a smaller base model: no recipe fits this one into that memory."
    options = ", ".join(f"{name}: {str(value).lower()}" for name, value in plan.changes.items())
    return f"These options under `training` make it fit: {options}."


def format_bytes(size: int | None) -> str:
    """Return a size in GiB, or in MiB below one; "an unknown number" if it is not known."""
    if size is None:
        return "an unknown amount"
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / MIB:,.0f} MiB"


def format_seconds(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
