"""Every alert. The exported rule is `(signal) condition`; a signal has data even when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from deploy.monitoring.queries import or_zero

HOUR = 3600
TRAINING_RUNS = 'max by (job_id) (max_over_time(scriptorium_phase_running{phase="train"}[1m]))'


@dataclass(frozen=True)
class Alert:
    """An alert that fires when `signal` has met `condition` for `duration`, which is Prometheus' `for`."""

    name: str
    signal: str
    condition: str
    duration: str
    severity: Literal["critical", "warning"]
    summary: str

    @property
    def expr(self) -> str:
        """The rule's expression."""
        return f"({self.signal}) {self.condition}"

    @property
    def runbook(self) -> str:
        """The section of the runbook that says what to do."""
        return f"docs/runbook.md#{self.name.lower()}"


def _while_training(vector: str) -> str:
    """Restrict a vector to runs that train now: the numbers of a run stay after it has ended."""
    return f"max by (job_id) ({vector}) and on (job_id) {TRAINING_RUNS}"


LOSS_METRIC = "scriptorium_training_loss"
SPEED_METRIC = "scriptorium_training_tokens_per_second"
GIVEN_UP = 'scriptorium_deliveries_total{result="given_up"}'
WORKER_KINDS = 'label_replace(flower_worker_online == 1, "kind", "$1", "worker", "([^@]+)@.*")'

ALERTS = (
    Alert(
        "NoHeartbeat",
        or_zero("max by (job_id, phase) (scriptorium_phase_heartbeat_age_seconds)"),
        "> 30",
        "15s",
        "critical",
        "{{ $labels.phase }} of {{ $labels.job_id }} has had no heartbeat for {{ $value | humanizeDuration }}, and "
        "nobody has taken it over.",
    ),
    Alert(
        "JobStalled",
        or_zero("max by (job_id) (scriptorium_job_silence_seconds)"),
        "> 900",
        "1m",
        "warning",
        "{{ $labels.job_id }} has said nothing for {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "LossNotANumber",
        or_zero(_while_training(f"({LOSS_METRIC} != bool {LOSS_METRIC}) + (abs({LOSS_METRIC}) == bool Inf)")),
        "> 0",
        "0s",
        "critical",
        "The loss of {{ $labels.job_id }} is no longer a number.",
    ),
    Alert(
        "LossDiverging",
        or_zero(_while_training(f"avg_over_time({LOSS_METRIC}[1m]) - min_over_time({LOSS_METRIC}[6h])")),
        "> 1.5",
        "1m",
        "warning",
        "The loss of {{ $labels.job_id }} is {{ $value | humanize }} above its best.",
    ),
    Alert(
        "ThroughputCollapsed",
        _while_training(f"avg_over_time({SPEED_METRIC}[1m]) / quantile_over_time(0.9, {SPEED_METRIC}[6h])")
        + " or on() vector(1)",
        "< 0.25",
        "2m",
        "warning",
        "{{ $labels.job_id }} trains at {{ $value | humanizePercentage }} of the speed it had.",
    ),
    Alert(
        "TrainingAlarm",
        or_zero(f"max by (job_id, alarm) (scriptorium_training_alarm) and on (job_id) {TRAINING_RUNS}"),
        "> 0",
        "0s",
        "warning",
        "The training of {{ $labels.job_id }} is {{ $labels.alarm }}; its events say what to do.",
    ),
    Alert(
        "DeviceMemoryNearLimit",
        or_zero(_while_training("scriptorium_training_memory_used_bytes / scriptorium_training_memory_total_bytes")),
        "> 0.95",
        "1m",
        "warning",
        "{{ $labels.job_id }} uses {{ $value | humanizePercentage }} of the training device's memory.",
    ),
    Alert(
        "DiskFilling",
        or_zero("1 - min(scriptorium_volume_free_bytes) / max(scriptorium_volume_size_bytes)"),
        "> 0.9",
        "1m",
        "warning",
        "The disk of the data folder is {{ $value | humanizePercentage }} full.",
    ),
    Alert(
        "QueueGrowing",
        or_zero("max by (queue) (scriptorium_queue_length - min_over_time(scriptorium_queue_length[30m]))"),
        "> 3",
        "5m",
        "warning",
        "{{ $value | humanize }} more messages wait in the queue {{ $labels.queue }} than half an hour ago.",
    ),
    Alert(
        "EngineFailed",
        or_zero('max(scriptorium_engines{state="failed"})'),
        "> 0",
        "0s",
        "critical",
        "{{ $value | humanize }} of the served models could not be started.",
    ),
    Alert(
        "EngineDown",
        '(sum(scriptorium_engines{state="ready"}) or vector(0)) - (sum(up{job="vllm"}) or vector(0))',
        "> 0",
        "1m",
        "critical",
        "{{ $value | humanize }} of the engines that should be ready do not answer.",
    ),
    Alert(
        "LeaseHeldTooLong",
        or_zero('max(scriptorium_gpu_lease_age_seconds) * max(scriptorium_gpu_lease_held{holder="training"})'),
        f"> {6 * HOUR}",
        "1m",
        "warning",
        "Training has had the GPU for {{ $value | humanizeDuration }}.",
    ),
    Alert(
        "StoreDown",
        "min(scriptorium_store_up) or vector(1)",
        "< 1",
        "15s",
        "critical",
        "The API does not reach the store.",
    ),
    Alert(
        "StoreFilling",
        or_zero("max(redis_memory_used_bytes) / (max(redis_memory_max_bytes) > 0)"),
        "> 0.6",
        "5m",
        "warning",
        "The store uses {{ $value | humanizePercentage }} of the memory that it may use.",
    ),
    Alert(
        "ApiDown",
        or_zero('max(up{job="scriptorium"})'),
        "< 1",
        "30s",
        "critical",
        "The API does not answer Prometheus.",
    ),
    Alert(
        "WorkersMissing",
        or_zero(f"count(count by (kind) ({WORKER_KINDS}))"),
        "< 5",
        "1m",
        "critical",
        "Only {{ $value | humanize }} of the five kinds of worker are online.",
    ),
    Alert(
        "JobFailed",
        or_zero("max by (code) (scriptorium_job_failures - min_over_time(scriptorium_job_failures[15m]))"),
        "> 0",
        "0s",
        "warning",
        "A job failed with {{ $labels.code }}.",
    ),
    Alert(
        "DeliveryGivenUp",
        or_zero(f"max by (channel) ({GIVEN_UP} - min_over_time({GIVEN_UP}[15m]))"),
        "> 0",
        "0s",
        "warning",
        "A {{ $labels.channel }} could not be delivered and was given up.",
    ),
)
