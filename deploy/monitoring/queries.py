"""PromQL expressions that several panels share. `$job_id` and `$host` are the boards' variables."""

from __future__ import annotations

RUN_SELECTOR = 'job_id=~"$job_id"'
TRAINING_NOW = (
    f'max by (job_id) (max_over_time(scriptorium_phase_running{{phase="train", {RUN_SELECTOR}, host=~"$host"}}'
    "[$__rate_interval]))"
)


def last(metric: str, *labels: str, selector: str = RUN_SELECTOR) -> str:
    """Return the last known value in the board's time range, so that a run that has ended keeps its numbers."""
    return f"max by ({', '.join(labels or ('job_id',))}) (last_over_time({metric}{{{selector}}}[$__range]))"


def newest(vector: str) -> str:
    """Restrict a vector by `job_id` to the newest of the selected runs that it contains."""
    created = last("scriptorium_job_created_timestamp_seconds")
    return f"({vector}) and on (job_id) topk(1, {created} and on (job_id) ({vector}))"


def while_training(metric: str) -> str:
    """Restrict a metric to the time in which a run trains, without the flat line that it leaves behind."""
    return f"max by (job_id) ({metric}{{{RUN_SELECTOR}}}) and on (job_id) {TRAINING_NOW}"


def or_zero(vector: str) -> str:
    """Return zero instead of no data."""
    return f"{vector} or on() vector(0)"


def or_none(vector: str, label: str) -> str:
    """Return one series named "none" instead of no data."""
    return f'{vector} or on() label_replace(vector(0), "{label}", "none", "", "")'


def quantile(share: float, histogram: str, selector: str) -> str:
    """Return a quantile of a histogram in seconds."""
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{{{selector}}}[$__rate_interval])))"
