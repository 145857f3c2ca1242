"""Two machines with a device each, against one store and one volume: their jobs train at the same time."""

from __future__ import annotations

import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from standins import Sent
from work import DONE, event_messages, submit

from scriptorium.contracts import Phase, PrepareRequest, PrepareResult
from scriptorium.jobs.devices import announced_waits, list_devices
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.process.child import wait_until

SOON = timedelta(seconds=10)
SHORT = timedelta(seconds=0.2)


@pytest.fixture
def machines(context: Context) -> list[Context]:
    """The context of a worker on each of two machines."""
    announced_waits.clear()
    changes = [{"machine": name, "device": "cpu", "device_patience": SHORT} for name in ("one", "two")]
    return [dataclasses.replace(context, settings=context.settings.model_copy(update=change)) for change in changes]


def test_two_jobs_train_at_the_same_time_on_two_machines(context: Context, machines: list[Context]) -> None:
    jobs = [submit(context, f"ftjob-{number}") for number in (1, 2)]
    both, meeting = threading.Barrier(2), threading.Event()

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        both.wait(10)  # breaks if the other one is not at work by then
        meeting.set()
        return DONE

    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(run_phase, job.id, Phase.PREPARE, work, context=machine, needs_gpu=True)
            for job, machine in zip(jobs, machines, strict=True)
        ]
        for run in runs:
            run.result(20)
    assert meeting.is_set()
    assert all(context.store.jobs.get(job.id).phase is Phase.TRAIN for job in jobs)
    names = [name for machine in machines for name in list_devices(machine.settings)]
    assert context.store.leases.devices() == sorted(names)


def test_a_message_for_a_busy_device_is_handed_back_for_the_other_machine(
    context: Context, machines: list[Context], sent: Sent
) -> None:
    one, two = machines
    (device,) = list_devices(one.settings)
    lease = context.store.leases.acquire(device, "the server", SOON)
    assert lease is not None
    job = submit(context, "ftjob-1")
    before = len(sent.messages)

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        return DONE

    for _ in range(2):
        run_phase(job.id, Phase.PREPARE, work, context=one, needs_gpu=True)
    assert sent.messages[before:] == [sent.messages[before]] * 2
    assert event_messages(context, job.id).count("Waiting for a device, held by the server.") == 1
    assert context.store.jobs.get(job.id).attempts == {}  # waiting costs no attempt
    run_phase(job.id, Phase.PREPARE, work, context=two, needs_gpu=True)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_message_is_a_hint_and_the_job_that_is_first_in_line_is_taken(
    context: Context, machines: list[Context]
) -> None:
    first, second = (submit(context, f"ftjob-{number}") for number in (1, 2))
    context.store.jobs.update(second.id, lambda job: job.model_copy(update={"priority": 1}))
    taken: list[str] = []

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        taken.append(folder.parent.name)
        return DONE

    for job in (first, second):
        run_phase(job.id, Phase.PREPARE, work, context=machines[0], needs_gpu=True)
    assert taken == [second.id, first.id]


def steal(context: Context, device: str) -> bool:
    """Have the lease expire, as it does on a host that hangs, and take it before it is renewed."""
    context.store.client.delete(f"scriptorium:lease:{device}")
    return context.store.leases.acquire(device, "somebody", SOON) is not None


def test_a_training_whose_device_was_lost_stops_without_losing_an_attempt(
    context: Context, machines: list[Context]
) -> None:
    job = submit(context, "ftjob-1")
    machine = machines[0]
    short = machine.settings.model_copy(update={"lease_ttl": SHORT})
    machine = dataclasses.replace(machine, settings=short)
    (device,) = list_devices(short)
    begun = threading.Event()

    def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
        begun.set()
        while True:
            reporter.check()
            time.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(run_phase, job.id, Phase.PREPARE, work, context=machine, needs_gpu=True)
        assert begun.wait(10)
        assert wait_until(lambda: steal(context, device), SOON)
        run.result(20)
    record = context.store.jobs.get(job.id)
    assert not record.status.final
    assert record.excused == {Phase.PREPARE: 1}
