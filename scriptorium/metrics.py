"""Every metric, defined once: name, meaning, unit and labels. docs/metrics.md lists them; a test compares the two.

A worker writes the numbers of its job into the store, under the keys of `JOB_METRICS`, so they outlive the worker. If a
metric has labels besides `job_id`, the key has their values, in their order: "phase_seconds/train".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

PREFIX = "scriptorium_"
Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True)
class Metric:
    """A name, a help text and labels; the unit is in the name, as Prometheus wants it, or in the help text."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = "gauge"


def _metric(name: str, text: str, *labels: str, kind: Kind = "gauge") -> Metric:
    return Metric(PREFIX + name, text, labels, kind)


def _job_metric(name: str, text: str, *labels: str) -> Metric:
    return _metric(name, text, "job_id", *labels)


# The system
BUILD = _metric("build_info", "Always 1; the label says which version runs.", "version")
STORE_UP = _metric("store_up", "Whether the store answers.")
REQUESTS = _metric("api_requests_total", "API requests.", "method", "route", "status", kind="counter")
LATENCY = _metric("api_request_seconds", "Time to the response's first byte.", "method", "route", kind="histogram")
VOLUME_SIZE = _metric("volume_size_bytes", "Size of the filesystem that the data folder is on.")
VOLUME_FREE = _metric("volume_free_bytes", "Free bytes of that filesystem.")

# Queues and engines
QUEUE_LENGTH = _metric("queue_length", "Messages waiting in a queue.", "queue")
QUEUE_WAIT = _metric("queue_wait_seconds", "How long the longest-waiting job has waited for a worker.", "queue")
ENGINES = _metric("engines", "Served models by the state of their engine.", "state")

# The GPU lease
GPU_HELD = _metric("gpu_lease_held", "Who holds the GPU lease: training, server or nobody.", "holder")
GPU_AGE = _metric("gpu_lease_age_seconds", "How long the current holder has had the GPU lease; 0 if nobody has it.")
GPU_GRANTS = _metric("gpu_handovers_total", "How often the GPU lease was granted.", kind="counter")
GPU_WAITED = _metric("gpu_handover_seconds", "How long the last holder of the GPU lease waited for it.")

# Webhooks and notices
DELIVERIES = _metric(
    "deliveries_total", "Attempts to deliver webhooks and notices.", "channel", "result", kind="counter"
)

# Jobs
JOBS = _metric("jobs", "Jobs by status.", "status")
QUESTIONS = _metric("jobs_asking", "Jobs that wait for an answer to a question, by its kind.", "kind")
FAILURES = _metric("job_failures", "Failed jobs by error code.", "code")
CREATED = _job_metric("job_created_timestamp_seconds", "When the job was created, Unix time.")
ATTEMPTS = _job_metric("phase_attempts", "Attempts at each phase of a job.", "phase")
RUNNING = _job_metric("phase_running", "1 while an attempt holds the phase's lease.", "phase", "host")
HEARTBEAT_AGE = _job_metric(
    "phase_heartbeat_age_seconds", "Time since the worker last renewed the phase's lease.", "phase"
)
SILENCE = _job_metric("job_silence_seconds", "Time since the last event of a running job.")

# The numbers of a job that workers report, by key in the store
JOB_METRICS = {
    "step": _job_metric("training_step", "Optimizer updates done."),
    "total_steps": _job_metric("training_steps", "Optimizer updates planned."),
    "epoch": _job_metric("training_epoch", "Epochs done."),
    "train_loss": _job_metric("training_loss", "Loss of the last step, nats per token."),
    "valid_loss": _job_metric("training_dev_loss", "Loss on the dev rows, nats per token."),
    "curve_loss": _job_metric(
        "training_curve_loss", "Mean loss of each twentieth of the run, nats per token.", "percent"
    ),
    "learning_rate": _job_metric("training_learning_rate", "Learning rate of the last step."),
    "gradient_norm": _job_metric("training_gradient_norm", "Norm of the gradient of the last step."),
    "trained_tokens": _job_metric("training_tokens", "Tokens trained so far."),
    "tokens_per_second": _job_metric("training_tokens_per_second", "Trained tokens per second."),
    "planned_tokens_per_second": _job_metric(
        "training_planned_tokens_per_second", "Trained tokens per second that the plan expects."
    ),
    "planned_peak_bytes": _job_metric(
        "training_planned_memory_bytes", "Memory that the plan expects training to need at its peak."
    ),
    "eta_seconds": _job_metric("training_eta_seconds", "Seconds until training ends."),
    "mfu_ratio": _job_metric("training_mfu_ratio", "Share of the device's measured peak that training achieves, 0-1."),
    "memory_used_bytes": _job_metric("training_memory_used_bytes", "Memory in use on the training device."),
    "memory_total_bytes": _job_metric("training_memory_total_bytes", "Memory of the training device."),
    "device_use_ratio": _job_metric("training_device_use_ratio", "How busy the training device is, 0-1."),
    "alarm": _job_metric("training_alarm", "1 while training is diverged, flat (no falling loss) or slow.", "alarm"),
    "checkpoints": _job_metric("training_checkpoints", "Complete checkpoints on disk."),
    "checkpoint_selectivity": _job_metric(
        "training_checkpoint_selectivity",
        "Gain of the author's held-out passages over those of others at a checkpoint, nats per token.",
        "step",
    ),
    "phase_seconds": _job_metric("phase_seconds", "How long a finished phase took.", "phase"),
    "calibration_strength": _job_metric("calibration_strength", "The strength at which the adapter is merged."),
    "calibration_temperature": _job_metric(
        "calibration_temperature", "The temperature at which the tuned model writes."
    ),
    "calibration_voice": _job_metric(
        "calibration_voice_transfer",
        "T on dev briefs of the chosen checkpoint at a strength of its adapter.",
        "strength",
    ),
    "calibration_followed_points": _job_metric(
        "calibration_followed_points",
        "Lower bound of the change in dev instructions followed, against the base, at a strength, in points.",
        "strength",
    ),
    "merge_bytes_per_second": _job_metric("merge_bytes_per_second", "Bytes of the merged model per second of merging."),
    "data_words": _job_metric("data_words", "Words of the manuscript after cleaning."),
    "data_chapters": _job_metric("data_chapters", "Chapters of the manuscript."),
    "data_examples": _job_metric("data_examples", "Passages in each split.", "split"),
    "data_findings": _job_metric("data_findings", "Findings about the data that a person should look at."),
    "evaluation_loss_drop_percent": _job_metric(
        "evaluation_loss_drop_percent", "Drop in loss of held-out text, tuned against base.", "text", "bound"
    ),
    "evaluation_voice": _job_metric(
        "evaluation_voice_transfer",
        "T: how close generated text is to the author, from the base (0) to the author (100).",
        "of",
    ),
    "evaluation_leak_ratio": _job_metric(
        "evaluation_leak_ratio", "Share of new scenes in which the tuned model uses names of the book, 0-1."
    ),
    "evaluation_samples": _job_metric("evaluation_samples", "Held-out briefs that both models answered."),
}

ALL_METRICS = (
    *(BUILD, STORE_UP, REQUESTS, LATENCY, VOLUME_SIZE, VOLUME_FREE),
    *(QUEUE_LENGTH, QUEUE_WAIT, ENGINES),
    *(GPU_HELD, GPU_AGE, GPU_GRANTS, GPU_WAITED),
    DELIVERIES,
    *(JOBS, QUESTIONS, FAILURES, CREATED, ATTEMPTS, RUNNING, HEARTBEAT_AGE, SILENCE),
    *JOB_METRICS.values(),
)


@lru_cache(maxsize=1_000)
def find_metric(key: str) -> tuple[Metric, tuple[str, ...]] | None:
    """Return the metric of a key in the store and its labels besides `job_id`; None if this version lacks the key."""
    name, *values = key.split("/")
    metric = JOB_METRICS.get(name)
    return (metric, tuple(values)) if metric and len(values) == len(metric.labels) - 1 else None
