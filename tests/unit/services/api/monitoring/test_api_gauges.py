"""From a snapshot to values, without a store; the round trip through a real one is in tests/integration."""

from pathlib import Path
from typing import Any

import pytest

from scriptorium import __version__, metrics
from scriptorium.contracts import Decision, DecisionKind, Hyperparameters, Job, Option, Phase, Status
from scriptorium.recipe import Recipe
from scriptorium.store.job_index import JobCounts
from scriptorium.store.leases import LeaseState, phase_lease
from scriptorium.store.serving import Engine
from services.api.monitoring import gauges
from services.api.monitoring.gauges import Values
from services.api.monitoring.snapshot import Snapshot, choose_shown_jobs

NOW = 1000.0


def make_job(job_id: str = "ftjob-1", **changes: Any) -> Job:
    job = Job(
        id=job_id, created_at=1, model="m", training_file="f", recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(), sent_at=900.0,
    )  # fmt: skip
    return job.model_copy(update=changes)


def take_snapshot(*jobs: Job, lease: LeaseState | None = None, **changes: Any) -> Snapshot:
    """A snapshot of jobs that were all sent at 900, whose phases share one lease state."""
    leases = {phase_lease(job.id, job.phase): lease for job in jobs} if lease else {}
    return Snapshot(NOW, shown_jobs=list(jobs), leases=leases, **changes)


HELD_LEASE = LeaseState("host-7:42", grants=1, granted_at=910.0, renewed_at=995.0)
EXPIRED_LEASE = LeaseState(None, grants=1, granted_at=910.0, renewed_at=940.0)
RELEASED_LEASE = LeaseState(None, grants=1, granted_at=910.0)
RUNNING_JOB = {"status": Status.RUNNING, "phase": Phase.MERGE, "attempts": {Phase.PREPARE: 1, Phase.MERGE: 1}}


@pytest.mark.parametrize(
    ("name", "kind"), [(None, "nobody"), ("ftjob-1", "training"), ("the server", "server"), ("somebody", "server")]
)
def test_exactly_one_holds_the_gpu(name: str | None, kind: str) -> None:
    holders = gauges.gpu_holders(name)
    assert {holder[0] for holder, value in holders.items() if value} == {kind}
    assert sum(holders.values()) == 1


def test_the_gpu_lease_has_an_age_only_while_somebody_holds_it() -> None:
    held_lease = LeaseState("ftjob-1", grants=3, granted_at=940.0, renewed_at=999.0, waited=7.5)
    values = dict(gauges.gpu_lease_gauges(take_snapshot(gpu=held_lease)))
    assert values[metrics.GPU_AGE] == {(): 60.0}
    assert values[metrics.GPU_GRANTS] == {(): 3}
    assert values[metrics.GPU_WAITED] == {(): 7.5}
    free = dict(gauges.gpu_lease_gauges(take_snapshot(gpu=LeaseState(None, grants=3, granted_at=940.0, waited=7.5))))
    assert free[metrics.GPU_AGE] == {(): 0.0}
    assert free[metrics.GPU_WAITED] == {(): 7.5}


def test_the_host_of_a_running_phase_is_its_holders() -> None:
    assert gauges.running_phases(take_snapshot(make_job(**RUNNING_JOB), lease=HELD_LEASE)) == {
        ("ftjob-1", "merge", "host-7"): 1
    }
    assert gauges.running_phases(take_snapshot(make_job(**RUNNING_JOB), lease=EXPIRED_LEASE)) == {}
    assert (
        gauges.running_phases(take_snapshot(make_job(**{**RUNNING_JOB, "status": Status.SUCCEEDED}), lease=HELD_LEASE))
        == {}
    )


def test_a_heartbeats_age_grows_when_the_lease_expires_and_ends_when_it_is_given_back() -> None:
    assert gauges.heartbeat_ages(take_snapshot(make_job(**RUNNING_JOB), lease=HELD_LEASE)) == {
        ("ftjob-1", "merge"): 5.0
    }
    assert gauges.heartbeat_ages(take_snapshot(make_job(**RUNNING_JOB), lease=EXPIRED_LEASE)) == {
        ("ftjob-1", "merge"): 60.0
    }
    assert gauges.heartbeat_ages(take_snapshot(make_job(**RUNNING_JOB), lease=RELEASED_LEASE)) == {}
    assert gauges.heartbeat_ages(take_snapshot(make_job(**RUNNING_JOB))) == {}


def test_a_clock_that_is_ahead_makes_no_negative_age() -> None:
    ahead = LeaseState("host:1", grants=1, granted_at=1003.0, renewed_at=1003.0)
    assert gauges.heartbeat_ages(take_snapshot(make_job(**RUNNING_JOB), lease=ahead)) == {("ftjob-1", "merge"): 0.0}


@pytest.mark.parametrize(
    ("changes", "silent"),
    [
        (RUNNING_JOB, True),
        ({**RUNNING_JOB, "status": Status.VALIDATING, "phase": Phase.PREPARE}, True),
        ({**RUNNING_JOB, "status": Status.QUEUED}, False),
        ({**RUNNING_JOB, "status": Status.PAUSED}, False),
        ({**RUNNING_JOB, "status": Status.FAILED}, False),
        ({**RUNNING_JOB, "attempts": {Phase.PREPARE: 1}}, False),  # sent, but claimed by nobody yet
    ],
)
def test_only_a_running_job_is_silent(changes: dict[str, Any], silent: bool) -> None:
    silences = gauges.job_silences(take_snapshot(make_job(**changes), last_event_times={"ftjob-1": 970.0}))
    assert silences == ({("ftjob-1",): 30.0} if silent else {})


@pytest.mark.parametrize(
    ("lease", "status", "waits"),
    [
        (None, Status.RUNNING, True),
        (LeaseState(None, 1, granted_at=800.0, renewed_at=850.0), Status.RUNNING, True),  # sent again after a death
        (HELD_LEASE, Status.RUNNING, False),
        (EXPIRED_LEASE, Status.RUNNING, False),
        (RELEASED_LEASE, Status.RUNNING, False),
        (None, Status.PAUSED, False),
        (None, Status.CANCELLED, False),
    ],
)
def test_a_job_waits_from_being_sent_until_it_is_claimed(lease: LeaseState | None, status: Status, waits: bool) -> None:
    waits_by_queue = gauges.queue_waits(take_snapshot(make_job(phase=Phase.MERGE, status=status), lease=lease))
    assert waits_by_queue[("merger",)] == (100.0 if waits else 0.0)


def test_every_queue_has_a_wait_and_the_longest_counts() -> None:
    waits = gauges.queue_waits(
        take_snapshot(make_job(), make_job("ftjob-2", sent_at=990.0), make_job("ftjob-3", sent_at=850.0))
    )
    assert waits == {("data",): 150.0, ("trainer",): 0.0, ("merger",): 0.0, ("server",): 0.0, ("evaluator",): 0.0}


def test_failures_have_every_code() -> None:
    counts = gauges.failure_counts(take_snapshot(counts=JobCounts({}, {"out_of_memory": 2, "code_of_old": 1})))
    assert (counts[("out_of_memory",)], counts[("disk_full",)], counts[("code_of_old",)]) == (2, 0, 1)
    assert sum(counts.values()) == 3
    assert set(gauges.FAILURE_CODES) <= {code for (code,) in counts}


def test_every_status_is_counted() -> None:
    counts = gauges.status_counts(take_snapshot(counts=JobCounts({"succeeded": 9_000, "queued": 3})))
    assert (counts[("succeeded",)], counts[("queued",)], counts[("failed",)]) == (9_000, 3, 0)
    assert len(counts) == len(Status)


def test_attempts_stay_after_the_end() -> None:
    ended = make_job(status=Status.SUCCEEDED, attempts={Phase.PREPARE: 1, Phase.TRAIN: 3})
    assert gauges.attempt_counts(take_snapshot(ended)) == {("ftjob-1", "prepare"): 1, ("ftjob-1", "train"): 3}


def test_reported_numbers_become_metrics_with_their_labels() -> None:
    numbers = {"ftjob-1": {"step": 3.0, "curve_loss/35": 2.5, "of_tomorrow": 1.0}, "ftjob-2": {"curve_loss/40": 2.0}}
    values_by_metric: dict[metrics.Metric, Values] = dict(gauges.reported_gauges(take_snapshot(numbers=numbers)))
    assert values_by_metric[metrics.JOB_METRICS["step"]] == {("ftjob-1",): 3.0}
    assert values_by_metric[metrics.JOB_METRICS["curve_loss"]] == {("ftjob-1", "35"): 2.5, ("ftjob-2", "40"): 2.0}
    assert sum(map(len, values_by_metric.values())) == 3


def test_engines_are_counted_by_state() -> None:
    engines = [Engine(name=name, folder="f", state="ready") for name in "ab"]
    counts = gauges.engine_counts(take_snapshot(engines=engines))
    assert {state: number for (state,), number in counts.items() if number} == {"ready": 2}
    assert len(counts) == 5  # every state is there, or an alert on its absence would never fire


def test_the_volume_is_measured_if_it_exists(tmp_path: Path) -> None:
    values_by_metric = dict(gauges.machine_gauges(tmp_path))
    assert 0 < values_by_metric[metrics.VOLUME_FREE][()] < values_by_metric[metrics.VOLUME_SIZE][()]
    assert values_by_metric[metrics.BUILD] == {(__version__,): 1}
    assert list(dict(gauges.machine_gauges(tmp_path / "none"))) == [metrics.BUILD]


def test_the_newest_and_every_active_job_are_shown_newest_first() -> None:
    newest = [make_job(f"ftjob-{number}", created_at=100 - number, status=Status.SUCCEEDED) for number in range(3)]
    active = [make_job("ftjob-old", status=Status.RUNNING), make_job("ftjob-new", created_at=101)]
    shown = choose_shown_jobs([active[1], *newest], active)
    assert [job.id for job in shown] == ["ftjob-new", "ftjob-0", "ftjob-1", "ftjob-2", "ftjob-old"]


def test_a_paused_job_counts_as_asking_only_while_its_question_is_open() -> None:
    options = [Option(name="stop", meaning="fail the job")]
    question = Decision(
        kind=DecisionKind.DATA_QUALITY, question="?", reason="", options=options, recommended="stop"
    )  # fmt: skip
    asking = make_job("ftjob-1", status=Status.PAUSED, decisions={question.kind: question})
    answered = question.model_copy(update={"answer": "stop"})
    paused = make_job("ftjob-2", status=Status.PAUSED, pause_requested=True, decisions={question.kind: answered})
    counts = gauges.question_counts(take_snapshot(asking, paused))
    assert counts[("data_quality",)] == sum(counts.values()) == 1
    assert set(counts) == {(kind,) for kind in DecisionKind}


def test_every_metric_of_the_table_is_yielded_once(tmp_path: Path) -> None:
    yielded = [metric for metric, _ in (*gauges.machine_gauges(tmp_path), *gauges.store_gauges(take_snapshot()))]
    assert set(yielded) == set(metrics.ALL_METRICS) - {metrics.STORE_UP, metrics.REQUESTS, metrics.LATENCY}
    assert len(set(yielded)) == len(yielded)
