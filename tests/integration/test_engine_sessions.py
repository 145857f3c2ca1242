"""Two jobs and one device: sessions, trainings and chat take turns on a real store; the engines are stand-ins."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from test_reconcile import BASE, DEVICE, StandInStarter, states, wish
from work import submit

from scriptorium.contracts import Endpoint, Job, ServeRequest, Status
from scriptorium.errors import Cancelled, EngineFailed
from scriptorium.jobs.devices import Tenancy, keep_device, try_devices
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.jobs.runner import Context
from scriptorium.jobs.steering import pause_job, resume_job
from scriptorium.process.child import wait_until
from scriptorium.store.serving import Engine, WantedModel
from services.server.engine_set import MAX_SILENCE
from services.server.reconcile import HOLDER, Reconciler
from services.server.serve import bring_up

TTL = timedelta(seconds=15)
SOON = timedelta(seconds=10)
NOW = timedelta(0)


def tuned(job: Job) -> WantedModel:
    return WantedModel(name=f"ft:{job.id}", folder=f"/runs/{job.id}/merged")


def serve_request(job: Job) -> ServeRequest:
    folder = Path("/runs") / job.id
    return ServeRequest(
        base=Path("/models/base"),
        base_name="base",
        merged=folder / "merged",
        adapter=folder / "adapter",
        tuned_name=f"ft:{job.id}",
        job_id=job.id,
        rank=job.rank,
    )


def submit_in_order(context: Context, *job_ids: str) -> list[Job]:
    """Submit jobs whose times of creation are a second apart."""
    jobs = []
    for age, job_id in enumerate(reversed(job_ids)):
        job = submit(context, job_id)
        change = {"created_at": job.created_at - age}
        jobs.append(context.store.jobs.update(job.id, lambda record, change=change: record.model_copy(update=change)))
    return jobs[::-1]


def end(context: Context, job: Job, status: Status) -> None:
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"status": status}))


def train(context: Context, job: Job) -> Tenancy | None:
    """Take the device as a training does; it is held until the lease is released."""
    return try_devices(context.store, [DEVICE], job, TTL, NOW)


@pytest.fixture
def starter() -> StandInStarter:
    return StandInStarter()


@pytest.fixture
def reconciler(context: Context, starter: StandInStarter) -> Reconciler:
    return Reconciler(context.store, context.settings, DEVICE, start=starter)  # type: ignore[arg-type]


def test_a_job_that_reaches_serve_while_another_trains_waits_and_does_not_fail(
    context: Context, reconciler: Reconciler
) -> None:
    first, second = submit_in_order(context, "ftjob-1", "ftjob-2")
    training = train(context, second)
    assert training is not None
    reporter = SilentReporter()
    engines: list[Engine] = []
    request = serve_request(first)
    serving = threading.Thread(
        target=lambda: engines.extend(bring_up(context.store, request, [BASE, tuned(first)], reporter))
    )
    serving.start()
    assert wait_until(lambda: (reconciler.reconcile(), bool(reporter.messages))[1], SOON)
    assert reporter.messages == ["[SERVE] Waiting for a device, held by ftjob-2."]
    assert context.store.serving.engines() == []
    context.store.leases.release(training.lease)
    assert wait_until(lambda: (reconciler.reconcile(), not serving.is_alive())[1], SOON)
    assert [engine.state for engine in engines] == ["ready", "ready"]


def test_a_training_that_asks_does_not_stop_the_engines_of_a_session(
    context: Context, reconciler: Reconciler, starter: StandInStarter
) -> None:
    first, second = submit_in_order(context, "ftjob-1", "ftjob-2")
    context.store.serving.open_session(second.id, [BASE, tuned(second)], second.rank)
    reconciler.reconcile()
    reconciler.reconcile()
    assert train(context, first) is None  # it was submitted earlier, but the session's evaluation is under way
    for _ in range(3):
        reconciler.reconcile()
    assert states(context) == {"base": "ready", f"ft:{second.id}": "ready"}
    end(context, second, Status.SUCCEEDED)
    for _ in range(3):
        reconciler.reconcile()
    assert all(engine.stopped for engine in starter.engines)  # chat of the ended job yields to the training
    assert train(context, first) is not None


def test_two_sessions_follow_each_other_and_neither_replaces_the_other(
    context: Context, reconciler: Reconciler
) -> None:
    first, second = submit_in_order(context, "ftjob-1", "ftjob-2")
    context.store.serving.open_session(second.id, [BASE, tuned(second)], second.rank)
    reconciler.reconcile()
    context.store.serving.open_session(first.id, [BASE, tuned(first)], first.rank)
    reconciler.reconcile()
    reconciler.reconcile()
    assert set(states(context)) == {"base", f"ft:{second.id}"}
    end(context, second, Status.SUCCEEDED)
    assert wait_until(lambda: (reconciler.reconcile(), f"ft:{first.id}" in states(context))[1], SOON)
    assert [session.job_id for session in context.store.serving.sessions()] == [first.id]


def test_a_paused_jobs_session_gives_its_device_to_the_next_and_does_not_interrupt_it_when_it_resumes(
    context: Context, reconciler: Reconciler, starter: StandInStarter
) -> None:
    first, second = submit_in_order(context, "ftjob-1", "ftjob-2")
    for job in (first, second):
        context.store.serving.open_session(job.id, [tuned(job)], job.rank)
    reconciler.reconcile()
    reconciler.reconcile()
    assert set(states(context)) == {f"ft:{first.id}"}
    pause_job(context.pipeline, first.id)
    assert wait_until(lambda: (reconciler.reconcile(), states(context) == {f"ft:{second.id}": "ready"})[1], SOON)
    assert starter.engines[0].stopped
    resume_job(context.pipeline, first.id)
    for _ in range(3):
        reconciler.reconcile()
    assert states(context) == {f"ft:{second.id}": "ready"}
    end(context, second, Status.CANCELLED)
    assert wait_until(lambda: (reconciler.reconcile(), states(context) == {f"ft:{first.id}": "ready"})[1], SOON)


def test_waiting_goes_by_priority_and_then_by_time(context: Context) -> None:
    first, second, urgent = submit_in_order(context, "ftjob-1", "ftjob-2", "ftjob-3")
    urgent = context.store.jobs.update(urgent.id, lambda record: record.model_copy(update={"priority": 1}))
    holder = submit(context, "ftjob-0")
    tenancy = train(context, holder)
    assert tenancy is not None
    for job in (second, first, urgent):
        assert train(context, job) is None
    assert [name for name, _ in context.store.leases.waiters(DEVICE)] == [urgent.id, first.id, second.id]
    context.store.leases.release(tenancy.lease)
    assert train(context, second) is None
    turn = train(context, urgent)
    assert turn is not None
    context.store.leases.release(turn.lease)
    context.store.leases.leave_queue(DEVICE, second.id)  # one that leaves takes nobody with it
    assert [name for name, _ in context.store.leases.waiters(DEVICE)] == [first.id]
    assert train(context, first) is not None


def test_a_failed_serve_leaves_the_earlier_models_in_chat(context: Context, reconciler: Reconciler) -> None:
    wish(context, BASE)
    job = submit(context, "ftjob-1")
    context.store.serving.open_session(job.id, [BASE, tuned(job)], job.rank)
    reconciler.reconcile()
    end(context, job, Status.FAILED)
    assert wait_until(lambda: (reconciler.reconcile(), states(context) == {"base": "ready"})[1], SOON)
    assert [entry.model for entry in context.store.wishes.all()] == [BASE]


def test_an_engine_is_the_model_of_its_name_and_its_folder(context: Context) -> None:
    merged = WantedModel(name="ft:x", folder="/runs/x/merged")
    adapter = WantedModel(name="ft:x", folder="/models/base", adapter="/runs/x/adapter")
    engine = Engine(name="ft:x", folder="/models/base", adapter="/runs/x/adapter", state="ready", url="http://a")
    context.store.serving.publish([engine], DEVICE, TTL)
    assert context.store.serving.find_engine(merged) is None
    assert context.store.serving.find_engine(adapter) == engine


def test_a_session_survives_a_restart_of_its_server_with_a_new_address(
    context: Context, reconciler: Reconciler, starter: StandInStarter
) -> None:
    job = submit(context, "ftjob-1")
    context.store.serving.open_session(job.id, [BASE], job.rank)
    reconciler.reconcile()
    reconciler.reconcile()
    reconciler._finish()  # what a stopped worker does
    assert context.store.serving.find_engine(BASE) is None
    restarted = Reconciler(context.store, context.settings, DEVICE, start=starter)  # type: ignore[arg-type]
    assert wait_until(lambda: (restarted.reconcile(), states(context) == {"base": "ready"})[1], SOON)


def test_the_engines_of_a_server_that_died_are_not_said_to_be_ready(context: Context) -> None:
    engine = Engine(name="base", folder="/models/base", state="ready", url="http://a")
    context.store.serving.publish([engine], DEVICE, timedelta(milliseconds=50))
    assert wait_until(lambda: context.store.serving.engines() == [], SOON)


def test_a_session_moves_when_its_device_is_lost(context: Context, starter: StandInStarter) -> None:
    job = submit(context, "ftjob-1")
    here, there = (
        Reconciler(context.store, context.settings, f"cpu:{name}", start=starter)  # type: ignore[arg-type]
        for name in ("here", "there")
    )
    context.store.serving.open_session(job.id, [BASE], job.rank)
    here.reconcile()
    there.reconcile()
    assert len(starter.engines) == 1  # the second host leaves it alone
    context.store.client.delete("scriptorium:lease:cpu:here")  # as time does when a host is gone
    there.reconcile()
    there.reconcile()
    assert context.store.serving.sessions()[0].device == "cpu:there"
    here.reconcile()
    here.reconcile()
    assert starter.engines[0].stopped


def test_one_slow_answer_does_not_end_an_engine_but_a_long_silence_does(
    context: Context, reconciler: Reconciler, starter: StandInStarter
) -> None:
    wish(context, BASE)
    reconciler.reconcile()
    reconciler.reconcile()
    starter.engines[0].silent = MAX_SILENCE - 1
    reconciler.reconcile()
    assert not starter.engines[0].stopped
    starter.engines[0].silent = MAX_SILENCE + 1
    reconciler.reconcile()
    assert starter.engines[0].stopped


def test_nothing_that_goes_wrong_ends_the_servers_thread(
    context: Context, reconciler: Reconciler, starter: StandInStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([MemoryError("no memory"), FileNotFoundError("adapter_config.json")])

    def start(*arguments: object) -> object:
        if error := next(calls, None):
            raise error
        return starter(*arguments)  # type: ignore[arg-type]

    reconciler._engines._start = start  # type: ignore[assignment]
    monkeypatch.setattr("services.server.reconcile.POLL_INTERVAL", 0.05)
    wish(context, BASE)
    reconciler.begin()
    try:
        assert wait_until(lambda: states(context) == {"base": "ready"}, SOON)
        assert reconciler.is_alive()
    finally:
        reconciler.close()
    assert context.store.leases.holder(DEVICE) is None


def test_an_engine_that_cannot_start_fails_the_job_with_its_reason(context: Context) -> None:
    job = submit(context, "ftjob-1")
    failed = Engine(name="base", folder="/models/base", state="failed", reason="ValueError: no such architecture")
    context.store.serving.publish([failed], DEVICE, TTL)
    with pytest.raises(EngineFailed, match="no such architecture"):
        bring_up(context.store, serve_request(job), [BASE], SilentReporter())


def test_waiting_for_an_engine_can_be_cancelled(context: Context) -> None:
    class CancelledWait(SilentReporter):
        def check(self) -> None:
            raise Cancelled("enough")

    job = submit(context, "ftjob-1")
    with pytest.raises(Cancelled):
        bring_up(context.store, serve_request(job), [BASE], CancelledWait())


def test_a_lost_device_is_noticed_and_a_store_that_is_away_is_not_a_loss(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ttl = timedelta(milliseconds=200)
    job = submit(context, "ftjob-1")
    tenancy = try_devices(context.store, [DEVICE], job, ttl, NOW)
    assert tenancy is not None
    losses: list[str] = []
    tenancy.on_lost = lambda: losses.append(tenancy.device)
    renew = context.store.leases.renew
    refusals = iter(range(3))

    def refuse_thrice(*arguments: object) -> bool:
        import redis

        if next(refusals, None) is not None:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'")
        return renew(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(context.store.leases, "renew", refuse_thrice)
    with keep_device(context.store, tenancy, ttl):
        assert not wait_until(lambda: losses, timedelta(seconds=0.5))
        assert wait_until(lambda: context.store.leases.holder(DEVICE) == job.id, SOON)  # renewed again

        def steal() -> bool:
            context.store.client.delete("scriptorium:lease:cpu:here")
            return context.store.leases.acquire(DEVICE, HOLDER, SOON) is not None

        assert wait_until(steal, SOON)
        assert wait_until(lambda: losses, SOON)
    assert context.store.leases.holder(DEVICE) == HOLDER  # the late one released nothing


def test_an_endpoint_is_looked_up_at_each_request(context: Context) -> None:
    from scriptorium.jobs import engine_sessions

    job = submit(context, "ftjob-1")
    request = serve_request(job)
    models = engine_sessions.session_models(request, gpu=False)
    locate = engine_sessions.make_locator(context.store, models)
    endpoint = Endpoint(url="http://old", model="base")
    assert locate(endpoint) is None
    for url in ("http://one", "http://two"):
        engine = Engine(name="base", folder="/models/base", state="ready", url=url)
        context.store.serving.publish([engine], DEVICE, TTL)
        assert locate(endpoint) == url
