"""Every metric name, once. docs/metrics.md lists them; a test compares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "scriptorium_"


@dataclass(frozen=True)
class Metric:
    """A name, its help, its unit (in the name, as Prometheus wants it), and its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Literal["gauge", "counter", "histogram"] = "gauge"


def _metric(name: str, text: str, *labels: str, kind: Literal["gauge", "counter", "histogram"] = "gauge") -> Metric:
    return Metric(PREFIX + name, text, labels, kind)


JOBS = _metric("jobs", "Jobs by status.", "status")
ATTEMPTS = _metric("phase_attempts", "Attempts at each phase of an active job.", "job_id", "phase")
QUEUE_LENGTH = _metric("queue_length", "Messages that wait in a queue.", "queue")
GPU_HELD = _metric("gpu_lease_held", "Who holds the GPU lease: training, server or nobody.", "holder")
ENGINES = _metric("engines", "Served models by the state of their engine.", "state")
STORE_UP = _metric("store_up", "Whether the store answers.")
REQUESTS = _metric("api_requests_total", "API requests.", "method", "route", "status", kind="counter")
LATENCY = _metric("api_request_seconds", "Time to the response's first byte.", "method", "route", kind="histogram")

# What a job's training last said, by the key under which the trainer reports it.
PROGRESS = {
    "step": _metric("training_step", "Optimizer updates done.", "job_id"),
    "total_steps": _metric("training_steps", "Optimizer updates planned.", "job_id"),
    "epoch": _metric("training_epoch", "Epochs done.", "job_id"),
    "train_loss": _metric("training_loss", "Loss of the last step, nats per token.", "job_id"),
    "valid_loss": _metric("training_dev_loss", "Loss on the dev rows, nats per token.", "job_id"),
    "learning_rate": _metric("training_learning_rate", "Learning rate of the last step.", "job_id"),
    "gradient_norm": _metric("training_gradient_norm", "Norm of the gradient of the last step.", "job_id"),
    "trained_tokens": _metric("training_tokens", "Tokens trained so far.", "job_id"),
    "tokens_per_second": _metric("training_tokens_per_second", "Trained tokens per second.", "job_id"),
    "eta_seconds": _metric("training_eta_seconds", "Seconds until training ends.", "job_id"),
}

ALL = (JOBS, ATTEMPTS, QUEUE_LENGTH, GPU_HELD, ENGINES, STORE_UP, REQUESTS, LATENCY, *PROGRESS.values())
