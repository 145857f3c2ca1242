"""The metrics of a job, from the workers through a real store to the text of /metrics."""

from __future__ import annotations

import math
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from scriptorium import metrics
from scriptorium.contracts import Job, JobError, Phase, PrepareRequest, PrepareResult, Status
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.store.leases import phase_lease
from scriptorium.store.serving import Engine


class Scrape:
    """Every sample of one request of /metrics."""

    def __init__(self, http: httpx.Client) -> None:
        self.families = list(text_string_to_metric_families(http.get("/metrics").text))

    def find(self, name: str, **labels: str) -> list[float]:
        """Return the values of the series that have these labels, among others."""
        samples = [sample for family in self.families for sample in family.samples]
        return [s.value for s in samples if s.name == f"scriptorium_{name}" and labels.items() <= s.labels.items()]

    def one(self, name: str, **labels: str) -> float:
        """Return the value of the only such series."""
        (value,) = self.find(name, **labels)
        return value


def change(context: Context, job: Job, **changes: Any) -> None:
    """Change a job's record."""
    context.store.jobs.update(job.id, lambda job: job.model_copy(update=changes))


def test_every_metric_of_the_table_is_exported(context: Context, http: httpx.Client, job: Job) -> None:
    numbers = {"/".join([key, *("x" for _ in metric.labels[1:])]): 1.0 for key, metric in metrics.JOB_METRICS.items()}
    context.store.jobs.set_progress(job.id, numbers)
    http.get("/healthz")
    scrape = Scrape(http)
    exported = {
        f"{family.name}_total" if family.type == "counter" else family.name: set(sample.labels) - {"le"}
        for family in scrape.families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    expected = {metric.name: set(metric.labels) for metric in metrics.ALL_METRICS}
    while_running = {metrics.ATTEMPTS.name, metrics.RUNNING.name, metrics.HEARTBEAT_AGE.name, metrics.SILENCE.name}
    assert {name: labels for name, labels in expected.items() if name not in while_running} == exported


def test_a_job_on_its_way_through_a_worker(context: Context, http: httpx.Client, job: Job) -> None:
    change(context, job, sent_at=time.time() - 40)
    waiting = Scrape(http)
    assert waiting.one("queue_wait_seconds", queue="data") == pytest.approx(40, abs=5)
    assert waiting.find("phase_running") == waiting.find("job_silence_seconds") == []

    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    running = Scrape(http)
    assert running.one("queue_wait_seconds", queue="data") == 0
    assert running.one("phase_running", job_id=job.id, phase="prepare", host=socket.gethostname()) == 1
    assert running.one("phase_attempts", job_id=job.id, phase="prepare") == 1
    assert 0 <= running.one("phase_heartbeat_age_seconds", job_id=job.id, phase="prepare") < 5
    assert 0 <= running.one("job_silence_seconds", job_id=job.id) < 5

    context.store.client.delete(f"scriptorium:lease:{phase_lease(job.id, Phase.PREPARE)}")  # what time does
    context.store.client.hset(f"scriptorium:lease-record:{lease.name}", "renewed_at", time.time() - 60)
    dead = Scrape(http)
    assert dead.find("phase_running") == []
    assert dead.one("phase_heartbeat_age_seconds", job_id=job.id) == pytest.approx(60, abs=5)

    error = JobError(code="out_of_memory", message="x")
    change(context, job, status=Status.FAILED, error=error)
    ended = Scrape(http)
    assert ended.find("phase_heartbeat_age_seconds") == ended.find("job_silence_seconds") == []
    assert ended.one("phase_attempts", job_id=job.id, phase="prepare") == 1
    assert ended.one("job_failures", code="out_of_memory") == 1
    assert ended.one("job_failures", code="disk_full") == 0


def test_the_gpu_lease_is_handed_over(context: Context, http: httpx.Client) -> None:
    free = Scrape(http)
    assert (free.one("gpu_handovers_total"), free.one("gpu_lease_age_seconds")) == (0, 0)
    ttl = timedelta(seconds=5)
    context.store.leases.add_devices(["cpu:here"])
    lease = context.store.leases.acquire("cpu:here", "the server", ttl)
    assert lease is not None
    assert context.store.leases.acquire("cpu:here", "ftjob-1", ttl) is None
    time.sleep(0.1)
    context.store.leases.release(lease)
    assert context.store.leases.acquire("cpu:here", "ftjob-1", ttl) is not None
    taken = Scrape(http)
    assert taken.one("gpu_lease_held", holder="training") == 1
    assert taken.one("gpu_handovers_total") == 2
    assert 0.1 <= taken.one("gpu_handover_seconds") < 5
    assert 0 < taken.one("gpu_lease_age_seconds") < 5


def test_engines_are_targets_for_prometheus(context: Context, http: httpx.Client) -> None:
    assert http.get("/metrics/engines").json() == []
    shared, alone = "http://server:9001", "http://server:9002"
    context.store.serving.publish(
        [
            Engine(name="ft:meta-llama/base:scriptorium:voice:1", folder="a", state="ready", url=shared),
            Engine(name="meta-llama/base", folder="a", state="ready", url=shared),
            Engine(name="ft:tiny:scriptorium::2", folder="b", state="starting", url=alone),
            Engine(name="broken", folder="c", state="failed", url="http://server:9003"),
            Engine(name="to come", folder="d", state="starting"),
        ],
        "cpu:here",
        timedelta(minutes=1),
    )
    answer = http.get("/metrics/engines")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == [
        {"targets": ["server:9001"], "labels": {"model": "meta-llama/base"}},
        {"targets": ["server:9002"], "labels": {"model": "ft:tiny:scriptorium::2"}},
    ]


def test_a_loss_that_is_no_number_reaches_prometheus_and_breaks_no_json(
    context: Context, job: Job, http: httpx.Client
) -> None:
    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        reporter.metrics("[TRAIN] Step 3/9: training loss=nan", step=3, train_loss=math.nan, gradient_norm=math.inf)
        return PrepareResult(words=1, chapters=1, splits={})

    run_phase(job.id, Phase.PREPARE, work, context=context)
    (loss,) = Scrape(http).find("training_loss", job_id=job.id)
    assert math.isnan(loss)
    progress = http.get(f"/v1/fine_tuning/jobs/{job.id}").json()["scriptorium"]["progress"]
    assert progress["step"] == 3
    assert {"train_loss", "gradient_norm"} & set(progress) == set()
    events = http.get(f"/v1/fine_tuning/jobs/{job.id}/events").json()["data"]
    assert {"step": 3} in [event["data"] for event in events]
