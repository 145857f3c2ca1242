"""From a snapshot to values, without a store; the round trip through a real one is in tests/integration."""

from pathlib import Path
from typing import Any

import pytest

from scriptorium import __version__, metrics
from scriptorium.contracts import Hyperparameters, Job, JobError, Phase, Status
from scriptorium.recipe import Recipe
from scriptorium.store.leases import LeaseState, phase_lease
from scriptorium.store.serving import Engine
from services.api.monitoring import gauges
from services.api.monitoring.gauges import Values
from services.api.monitoring.snapshot import NEWEST, Snapshot, choose_shown

NOW = 1000.0


def make(job_id: str = "ftjob-1", **changes: Any) -> Job:
    job = Job(
        id=job_id, created_at=1, model="m", training_file="f", recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(), sent_at=900.0,
    )  # fmt: skip
    return job.model_copy(update=changes)


def see(*jobs: Job, lease: LeaseState | None = None, **changes: Any) -> Snapshot:
    """A snapshot of jobs that were all sent at 900, whose phases share one lease state."""
    leases = {phase_lease(job.id, job.phase): lease for job in jobs} if lease else {}
    return Snapshot(NOW, jobs=list(jobs), shown=list(jobs), leases=leases, **changes)


HELD = LeaseState("host-7:42", grants=1, granted_at=910.0, renewed_at=995.0)
EXPIRED = LeaseState(None, grants=1, granted_at=910.0, renewed_at=940.0)
GIVEN_BACK = LeaseState(None, grants=1, granted_at=910.0)
RUNNING = {"status": Status.RUNNING, "phase": Phase.MERGE, "attempts": {Phase.PREPARE: 1, Phase.MERGE: 1}}


@pytest.mark.parametrize(
    ("name", "kind"), [(None, "nobody"), ("ftjob-1", "training"), ("the server", "server"), ("somebody", "server")]
)
def test_exactly_one_holds_the_gpu(name: str | None, kind: str) -> None:
    held = gauges.holders(name)
    assert {holder[0] for holder, value in held.items() if value} == {kind}
    assert sum(held.values()) == 1


def test_the_gpu_lease_has_an_age_only_while_somebody_holds_it() -> None:
    held = LeaseState("ftjob-1", grants=3, granted_at=940.0, renewed_at=999.0, waited=7.5)
    values = dict(gauges.gpu_lease(see(gpu=held)))
    assert values[metrics.GPU_AGE] == {(): 60.0}
    assert values[metrics.GPU_GRANTS] == {(): 3}
    assert values[metrics.GPU_WAITED] == {(): 7.5}
    free = dict(gauges.gpu_lease(see(gpu=LeaseState(None, grants=3, granted_at=940.0, waited=7.5))))
    assert free[metrics.GPU_AGE] == {(): 0.0}
    assert free[metrics.GPU_WAITED] == {(): 7.5}


def test_the_host_of_a_running_phase_is_its_holders() -> None:
    assert gauges.running(see(make(**RUNNING), lease=HELD)) == {("ftjob-1", "merge", "host-7"): 1}
    assert gauges.running(see(make(**RUNNING), lease=EXPIRED)) == {}
    assert gauges.running(see(make(**{**RUNNING, "status": Status.SUCCEEDED}), lease=HELD)) == {}


def test_a_heartbeats_age_grows_when_the_lease_expires_and_ends_when_it_is_given_back() -> None:
    assert gauges.heartbeat_ages(see(make(**RUNNING), lease=HELD)) == {("ftjob-1", "merge"): 5.0}
    assert gauges.heartbeat_ages(see(make(**RUNNING), lease=EXPIRED)) == {("ftjob-1", "merge"): 60.0}
    assert gauges.heartbeat_ages(see(make(**RUNNING), lease=GIVEN_BACK)) == {}
    assert gauges.heartbeat_ages(see(make(**RUNNING))) == {}


def test_a_clock_that_is_ahead_makes_no_negative_age() -> None:
    ahead = LeaseState("host:1", grants=1, granted_at=1003.0, renewed_at=1003.0)
    assert gauges.heartbeat_ages(see(make(**RUNNING), lease=ahead)) == {("ftjob-1", "merge"): 0.0}


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        (RUNNING, True),
        ({**RUNNING, "status": Status.VALIDATING, "phase": Phase.PREPARE}, True),
        ({**RUNNING, "status": Status.QUEUED}, False),
        ({**RUNNING, "status": Status.PAUSED}, False),
        ({**RUNNING, "status": Status.FAILED}, False),
        ({**RUNNING, "attempts": {Phase.PREPARE: 1}}, False),  # sent, but claimed by nobody yet
    ],
)
def test_only_a_running_job_is_silent(changes: dict[str, Any], silent: bool) -> None:
    found = gauges.silences(see(make(**changes), told={"ftjob-1": 970.0}))
    assert found == ({("ftjob-1",): 30.0} if silent else {})


@pytest.mark.parametrize(
    ("lease", "status", "waits"),
    [
        (None, Status.RUNNING, True),
        (LeaseState(None, 1, granted_at=800.0, renewed_at=850.0), Status.RUNNING, True),  # sent again after a death
        (HELD, Status.RUNNING, False),
        (EXPIRED, Status.RUNNING, False),
        (GIVEN_BACK, Status.RUNNING, False),
        (None, Status.PAUSED, False),
        (None, Status.CANCELLED, False),
    ],
)
def test_a_job_waits_from_being_sent_until_it_is_claimed(lease: LeaseState | None, status: Status, waits: bool) -> None:
    found = gauges.queue_waits(see(make(phase=Phase.MERGE, status=status), lease=lease))
    assert found[("merger",)] == (100.0 if waits else 0.0)


def test_every_queue_has_a_wait_and_the_longest_counts() -> None:
    found = gauges.queue_waits(see(make(), make("ftjob-2", sent_at=990.0), make("ftjob-3", sent_at=850.0)))
    assert found == {("data",): 150.0, ("trainer",): 0.0, ("merger",): 0.0, ("server",): 0.0, ("evaluator",): 0.0}


def test_failures_have_every_code() -> None:
    failed = make(status=Status.FAILED, error=JobError(code="out_of_memory", message="x"))
    older = make("ftjob-2", status=Status.FAILED, error=JobError(code="code_of_old", message="x"))
    found = gauges.failures(see(failed, failed.model_copy(update={"id": "ftjob-3"}), older, make("ftjob-4")))
    assert (found[("out_of_memory",)], found[("disk_full",)], found[("code_of_old",)]) == (2, 0, 1)
    assert sum(found.values()) == 3
    assert set(gauges.CODES) <= {code for (code,) in found}


def test_attempts_stay_after_the_end() -> None:
    ended = make(status=Status.SUCCEEDED, attempts={Phase.PREPARE: 1, Phase.TRAIN: 3})
    assert gauges.attempts(see(ended)) == {("ftjob-1", "prepare"): 1, ("ftjob-1", "train"): 3}


def test_reported_numbers_become_metrics_with_their_labels() -> None:
    numbers = {"ftjob-1": {"step": 3.0, "curve_loss/35": 2.5, "of_tomorrow": 1.0}, "ftjob-2": {"curve_loss/40": 2.0}}
    found: dict[metrics.Metric, Values] = dict(gauges.reported(see(numbers=numbers)))
    assert found[metrics.OF_A_JOB["step"]] == {("ftjob-1",): 3.0}
    assert found[metrics.OF_A_JOB["curve_loss"]] == {("ftjob-1", "35"): 2.5, ("ftjob-2", "40"): 2.0}
    assert sum(map(len, found.values())) == 3


def test_engines_are_counted_by_state() -> None:
    engines = [Engine(name=name, folder="f", state="ready") for name in "ab"]
    assert gauges.engine_states(see(engines=engines)) == {("starting",): 0, ("ready",): 2, ("failed",): 0}


def test_the_volume_is_measured_where_it_is_there(tmp_path: Path) -> None:
    found = dict(gauges.of_the_machine(tmp_path))
    assert 0 < found[metrics.VOLUME_FREE][()] < found[metrics.VOLUME_SIZE][()]
    assert found[metrics.BUILD] == {(__version__,): 1}
    assert list(dict(gauges.of_the_machine(tmp_path / "none"))) == [metrics.BUILD]


def test_the_newest_and_every_active_job_are_shown() -> None:
    jobs = [make(f"ftjob-{number}", status=Status.SUCCEEDED) for number in range(NEWEST + 50)]
    jobs[-1] = make("ftjob-old", status=Status.RUNNING)
    shown = choose_shown(jobs)
    assert len(shown) == NEWEST + 1
    assert shown[-1].id == "ftjob-old"


def test_every_metric_of_the_table_is_yielded_once(tmp_path: Path) -> None:
    told = [metric for metric, _ in (*gauges.of_the_machine(tmp_path), *gauges.of_the_store(see()))]
    assert set(told) == set(metrics.ALL) - {metrics.STORE_UP, metrics.REQUESTS, metrics.LATENCY}
    assert len(set(told)) == len(told)
