"""Every metric, once: name, meaning, unit and labels. docs/metrics.md lists them; a test compares.

What a worker knows of its job it writes into the store, under a key of `OF_A_JOB`: the number outlives the worker. A
metric that has labels besides `job_id` has their values in the key, in their order: "phase_seconds/train".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "scriptorium_"
Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True)
class Metric:
    """A name, its help, its unit (in the name, as Prometheus wants it, or in the help), and its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = "gauge"


def _metric(name: str, text: str, *labels: str, kind: Kind = "gauge") -> Metric:
    return Metric(PREFIX + name, text, labels, kind)


def _of_job(name: str, text: str, *labels: str) -> Metric:
    return _metric(name, text, "job_id", *labels)


# The system
BUILD = _metric("build_info", "Always 1; the label says which version runs.", "version")
STORE_UP = _metric("store_up", "Whether the store answers.")
REQUESTS = _metric("api_requests_total", "API requests.", "method", "route", "status", kind="counter")
LATENCY = _metric("api_request_seconds", "Time to the response's first byte.", "method", "route", kind="histogram")
VOLUME_SIZE = _metric("volume_size_bytes", "Size of the filesystem that the data folder is on.")
VOLUME_FREE = _metric("volume_free_bytes", "Bytes of it that can still be written.")

# Queues and engines
QUEUE_LENGTH = _metric("queue_length", "Messages that wait in a queue.", "queue")
QUEUE_WAIT = _metric("queue_wait_seconds", "How long the job that waits longest has waited for a worker.", "queue")
ENGINES = _metric("engines", "Served models by the state of their engine.", "state")

# The GPU lease
GPU_HELD = _metric("gpu_lease_held", "Who holds the GPU lease: training, server or nobody.", "holder")
GPU_AGE = _metric("gpu_lease_age_seconds", "How long the present holder has had the GPU lease; 0 if nobody has it.")
GPU_GRANTS = _metric("gpu_handovers_total", "Times that the GPU lease was granted.", kind="counter")
GPU_WAITED = _metric("gpu_handover_seconds", "How long the last holder of the GPU lease waited for it.")

# Jobs
JOBS = _metric("jobs", "Jobs by status.", "status")
FAILURES = _metric("job_failures", "Failed jobs by error code.", "code")
CREATED = _of_job("job_created_timestamp_seconds", "When the job was created, Unix time.")
ATTEMPTS = _of_job("phase_attempts", "Attempts at each phase of a job.", "phase")
RUNNING = _of_job("phase_running", "1 while an attempt holds the phase's lease.", "phase", "host")
HEARTBEAT_AGE = _of_job("phase_heartbeat_age_seconds", "Time since the worker last renewed the phase's lease.", "phase")
SILENCE = _of_job("job_silence_seconds", "Time since the last event of a running job.")

# The numbers of a job that workers report, by their key in the store
OF_A_JOB = {
    "step": _of_job("training_step", "Optimizer updates done."),
    "total_steps": _of_job("training_steps", "Optimizer updates planned."),
    "epoch": _of_job("training_epoch", "Epochs done."),
    "train_loss": _of_job("training_loss", "Loss of the last step, nats per token."),
    "valid_loss": _of_job("training_dev_loss", "Loss on the dev rows, nats per token."),
    "curve_loss": _of_job("training_curve_loss", "Mean loss of each twentieth of the run, nats per token.", "percent"),
    "learning_rate": _of_job("training_learning_rate", "Learning rate of the last step."),
    "gradient_norm": _of_job("training_gradient_norm", "Norm of the gradient of the last step."),
    "trained_tokens": _of_job("training_tokens", "Tokens trained so far."),
    "tokens_per_second": _of_job("training_tokens_per_second", "Trained tokens per second."),
    "eta_seconds": _of_job("training_eta_seconds", "Seconds until training ends."),
    "mfu_ratio": _of_job("training_mfu_ratio", "Share of the device's measured peak that training achieves, 0-1."),
    "memory_used_bytes": _of_job("training_memory_used_bytes", "Memory in use on the training device."),
    "memory_total_bytes": _of_job("training_memory_total_bytes", "Memory of the training device."),
    "device_use_ratio": _of_job("training_device_use_ratio", "How busy the training device is, 0-1."),
    "checkpoints": _of_job("training_checkpoints", "Checkpoints that are whole on disk."),
    "checkpoint_selectivity": _of_job(
        "training_checkpoint_selectivity",
        "What held-out passages of the author gained over those of others at a checkpoint, nats per token.",
        "step",
    ),
    "phase_seconds": _of_job("phase_seconds", "How long a finished phase took.", "phase"),
    "merge_bytes_per_second": _of_job("merge_bytes_per_second", "Bytes of the merged model per second of merging."),
    "data_words": _of_job("data_words", "Words of the manuscript after cleaning."),
    "data_chapters": _of_job("data_chapters", "Chapters of the manuscript."),
    "data_examples": _of_job("data_examples", "Passages in each split.", "split"),
    "data_findings": _of_job("data_findings", "Findings about the data that a person should look at."),
    "evaluation_loss_drop_percent": _of_job(
        "evaluation_loss_drop_percent", "Drop in loss of held-out text, tuned against base.", "text", "bound"
    ),
    "evaluation_voice": _of_job(
        "evaluation_voice_transfer", "T: how far from the base (0) to the author (100) what is written has come.", "of"
    ),
    "evaluation_samples": _of_job("evaluation_samples", "Held-out briefs that both models answered."),
}

ALL = (
    *(BUILD, STORE_UP, REQUESTS, LATENCY, VOLUME_SIZE, VOLUME_FREE),
    *(QUEUE_LENGTH, QUEUE_WAIT, ENGINES),
    *(GPU_HELD, GPU_AGE, GPU_GRANTS, GPU_WAITED),
    *(JOBS, FAILURES, CREATED, ATTEMPTS, RUNNING, HEARTBEAT_AGE, SILENCE),
    *OF_A_JOB.values(),
)


def find(key: str) -> tuple[Metric, tuple[str, ...]] | None:
    """The metric of a key in the store and its labels besides `job_id`; None for a key that this version has not."""
    name, *values = key.split("/")
    metric = OF_A_JOB.get(name)
    return (metric, tuple(values)) if metric and len(values) == len(metric.labels) - 1 else None
