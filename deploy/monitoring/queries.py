"""The shapes of PromQL that several panels share. `$job_id` and `$host` are the boards' variables."""

from __future__ import annotations

RUNS = 'job_id=~"$job_id"'
TRAINING_NOW = (
    f'max by (job_id) (max_over_time(scriptorium_phase_running{{phase="train", {RUNS}, host=~"$host"}}'
    "[$__rate_interval]))"
)


def last(metric: str, *labels: str, where: str = RUNS) -> str:
    """The last known value in the board's time, so that a run that has ended keeps its numbers."""
    return f"max by ({', '.join(labels or ('job_id',))}) (last_over_time({metric}{{{where}}}[$__range]))"


def newest(vector: str) -> str:
    """The part of a vector by `job_id` that belongs to the newest of the chosen runs that are in it."""
    created = last("scriptorium_job_created_timestamp_seconds")
    return f"({vector}) and on (job_id) topk(1, {created} and on (job_id) ({vector}))"


def while_training(metric: str) -> str:
    """A number of each run while its training runs, and not the flat line that it leaves behind."""
    return f"max by (job_id) ({metric}{{{RUNS}}}) and on (job_id) {TRAINING_NOW}"


def or_zero(vector: str) -> str:
    """Zero instead of nothing."""
    return f"{vector} or on() vector(0)"


def or_none(vector: str, label: str) -> str:
    """One row named "none" instead of nothing."""
    return f'{vector} or on() label_replace(vector(0), "{label}", "none", "", "")'


def quantile(share: float, histogram: str, where: str) -> str:
    """A quantile of a histogram in seconds."""
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{{{where}}}[$__rate_interval])))"
