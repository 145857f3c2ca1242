"""Devices and engine sessions as a state machine: trainings, sessions and chat want two devices, in any order.

Hypothesis chooses the steps; the store, the leases, the sessions and the reconcilers are the real ones, the engines are
stand-ins. Time is under control: a lease lasts until a step lets it run out, and a waiter that died waits until a step
lets it be missed. The invariants are those of docs/reliability.md. Five hundred steps run with the tests, more with
`SCRIPTORIUM_MODEL_EXAMPLES=400` (fifty steps each).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from state_machine import StoreMachine, run_machine
from test_reconcile import BASE, StandInStarter
from work import submit

from scriptorium.contracts import Status
from scriptorium.jobs.devices import try_devices
from scriptorium.store import Lease
from scriptorium.store.serving import EngineSession, WantedModel
from services.server.reconcile import HOLDER, Reconciler

DEVICES = ("cpu:one", "cpu:two")
JOBS = 4
MAX_ROUNDS = 60  # of reconcilers and waiters until every job must have had its turn
TTL, NOW = timedelta(hours=1), timedelta(0)
PICK = st.integers(0, 7)
TRAININGS = ("train", "train", "train", "stop_training", "kill_training", "freeze_training", "thaw_training")
SESSIONS = ("open_session", "open_session", "pause", "resume", "end", "measure_another")
SERVERS = (
    "reconcile", "reconcile", "reconcile", "reconcile", "kill_server", "freeze_server", "make_busy", "make_idle",
)  # fmt: skip
OTHERS = ("wish", "forget_wish", "let_lease_run_out", "miss_the_silent", "stop_asking")


@dataclass(eq=False)
class DeviceTraining:
    """A training that believes it has a device; one that is `silent` has not noticed that its lease has run out."""

    job_id: str
    lease: Lease
    silent: bool = False


@dataclass(eq=False)
class DeviceServer:
    """The server of a device with the engines that it has started; a `silent` one does nothing until it thaws."""

    device: str
    reconciler: Reconciler
    starter: StandInStarter = field(default_factory=StandInStarter)
    silent: bool = False

    @property
    def runs_engines(self) -> bool:
        return any(not engine.stopped for engine in self.starter.engines)


class DeviceModel(StoreMachine):
    """Four jobs that train, need engines, pause and end, two servers, and chat."""

    options: ClassVar[dict[str, object]] = {"lease_ttl": TTL, "gpu": False}

    def __init__(self) -> None:
        super().__init__()
        self.store = self.context.store
        self.store.leases.add_devices(DEVICES)
        self.jobs: list[str] = []
        self.servers: list[DeviceServer] = []
        self.trainings: list[DeviceTraining] = []
        self.tokens = dict.fromkeys(DEVICES, 0)

    @initialize()
    def begin(self) -> None:
        """Begin with jobs whose times of creation are a second apart, and a server for each device."""
        self.jobs = [submit(self.context, f"ftjob-{number}").id for number in range(JOBS)]
        for age, job_id in enumerate(self.jobs):
            self.change(job_id, created_at=self.job(job_id).created_at + age)
        self.servers = [self.start_server(device) for device in DEVICES]

    @rule(step=st.sampled_from(TRAININGS + SESSIONS + SERVERS + OTHERS), pick=PICK)
    def happen(self, step: str, pick: int) -> None:
        """Let one thing happen."""
        served = self.served_sessions()
        getattr(self, step)(pick)
        if step not in ("let_lease_run_out", "kill_server", "freeze_server"):
            self.check_not_interrupted(served)

    # trainings

    def train(self, pick: int) -> None:
        """Ask for a device as a training does; whoever is granted one comes before everybody who waits for it."""
        job = self.job(self.jobs[pick % JOBS])
        if job.status.final or job.status is Status.PAUSED or self.session(job.id):
            return
        if any(training.job_id == job.id and not training.silent for training in self.trainings):
            return
        waiting = {device: self.waiting(device, besides=job.id) for device in DEVICES}
        tenancy = try_devices(self.store, (DEVICES, DEVICES[::-1])[pick // JOBS], job, TTL, NOW)
        if tenancy:
            assert all((job.rank, job.id) < place for place in waiting[tenancy.device])
            self.check_grant(tenancy.lease)
            self.trainings.append(DeviceTraining(job.id, tenancy.lease))

    def stop_training(self, pick: int) -> None:
        """End a training that has not lost its device."""
        if training := self.training(pick):
            self.store.leases.release(training.lease)
            self.trainings.remove(training)

    def kill_training(self, pick: int) -> None:
        """Kill a training, whose lease runs out later."""
        if training := self.training(pick):
            self.trainings.remove(training)

    def freeze_training(self, pick: int) -> None:
        """Let a training be silent until it is missed; others who want its device may be granted it."""
        training = self.training(pick)
        if training and not training.silent:  # else the lease is another one's by now
            self.expire(training.lease.name)
            self.miss_the_silent(DEVICES.index(training.lease.name))
            for number in range(JOBS):
                self.train((number + pick) % JOBS)
            self.reconcile_all()

    def thaw_training(self, pick: int) -> None:
        """Let a training renew its lease: it goes on if nobody was granted the device meanwhile, else it stops."""
        if training := self.training(pick):
            renewed = self.store.leases.renew(training.lease, TTL)
            assert renewed == (self.tokens[training.lease.name] == training.lease.token)
            training.silent = False
            if not renewed:
                self.trainings.remove(training)

    # jobs that need engines

    def open_session(self, pick: int) -> None:
        job = self.job(self.jobs[pick % JOBS])
        if not job.status.final and not any(training.job_id == job.id for training in self.trainings):
            self.leave_queues(job.id)
            self.store.serving.open_session(job.id, [BASE, self.tuned(job.id)], job.rank)

    def measure_another(self, pick: int) -> None:
        """Ask for another round's model in a session that is open; it keeps its device."""
        job_id = self.jobs[pick % JOBS]
        if before := self.session(job_id):
            after = self.store.serving.open_session(job_id, [BASE, self.tuned(job_id, pick + 2)], before.rank)
            assert after.device == before.device
            assert after.token >= before.token

    def pause(self, pick: int) -> None:
        """Pause a job, mostly one that is served."""
        job = self.job(next(iter(self.served_sessions()), self.jobs[pick % JOBS]))
        if not job.status.final and not any(training.job_id == job.id for training in self.trainings):
            self.leave_queues(job.id)
            self.change(job.id, status=Status.PAUSED)

    def resume(self, pick: int) -> None:
        job = self.job(self.jobs[pick % JOBS])
        if job.status is Status.PAUSED:
            self.change(job.id, status=Status.QUEUED)

    def end(self, pick: int) -> None:
        """End a job; whoever ends stops asking for a device."""
        job = self.job(self.jobs[pick % JOBS])
        if not job.status.final and not any(training.job_id == job.id for training in self.trainings):
            self.leave_queues(job.id)
            self.change(job.id, status=(Status.SUCCEEDED, Status.CANCELLED, Status.FAILED)[pick % 3])

    # servers and chat

    def reconcile(self, pick: int) -> None:
        """Let a server take one step: afterwards it has the device, or no engine."""
        server = self.servers[pick % len(self.servers)]
        before, engines = self.grants(server.device), len(server.starter.engines)
        waiting = self.waiting(server.device, besides=HOLDER)
        server.reconciler.reconcile()
        server.silent = False
        after = self.grants(server.device)
        if after != before:
            assert all(self.has_lower_rank(server.device, place) for place in waiting)
            self.check_grant(Lease(server.device, after, HOLDER), server)
        holds = self.store.leases.holder(server.device) == HOLDER
        assert holds or not server.runs_engines
        assert holds or len(server.starter.engines) == engines

    def kill_server(self, pick: int) -> None:
        """Kill a server with its engines; another one starts, and the lease runs out later."""
        server = self.servers.pop(pick % len(self.servers))
        for engine in server.starter.engines:
            engine.stopped = True
        self.servers.append(self.start_server(server.device))

    def freeze_server(self, pick: int) -> None:
        """Let a server fall silent for longer than its lease; its engines run on until it thaws."""
        self.expire(self.servers[pick % len(self.servers)].device)

    def make_busy(self, pick: int) -> None:
        for engine in self.servers[pick % len(self.servers)].starter.engines:
            engine.busy = True

    def make_idle(self, pick: int) -> None:
        for engine in self.servers[pick % len(self.servers)].starter.engines:
            engine.busy = False

    def wish(self, pick: int) -> None:
        self.store.wishes.ask([BASE, self.tuned(self.jobs[pick % JOBS])][pick % 2])

    def forget_wish(self, pick: int) -> None:
        self.store.wishes.forget([BASE, self.tuned(self.jobs[pick % JOBS])][pick % 2].name)

    # time

    def let_lease_run_out(self, pick: int) -> None:
        self.expire(DEVICES[pick % 2])

    def miss_the_silent(self, pick: int) -> None:
        """Let so much time pass that a holder that fell silent has no place any more."""
        device = DEVICES[pick % 2]
        if self.store.leases.holder(device) is None:
            self.store.client.hset(f"scriptorium:lease-record:{device}", "renewed_at", time.time() - 3 * 3600)

    def stop_asking(self, pick: int) -> None:
        """Let a waiter die and be missed: it leaves the queue with the next grant."""
        self.store.client.delete(f"scriptorium:lease-wait:{DEVICES[pick % 2]}:{self.jobs[pick % JOBS]}")

    def expire(self, device: str) -> None:
        """Let a lease run out; whoever had it does not know."""
        if self.store.client.delete(f"scriptorium:lease:{device}"):
            self.store.client.hset(f"scriptorium:lease-record:{device}", "renewed_at", time.time() - 3601)
        for holder in [
            *(training for training in self.trainings if training.lease.name == device),
            *(server for server in self.servers if server.device == device),
        ]:
            holder.silent = True

    # what is always true

    def check_grant(self, lease: Lease, server: DeviceServer | None = None) -> None:
        """A grant has a new token, and nobody works on the device but who has been silent for longer than a lease."""
        assert lease.token > self.tokens[lease.name]
        self.tokens[lease.name] = lease.token
        trainings = [training for training in self.trainings if training.lease.name == lease.name]
        servers = [other for other in self.servers if other.device == lease.name and other is not server]
        assert all(training.silent for training in trainings)
        assert all(other.silent or not other.runs_engines for other in servers)

    def check_not_interrupted(self, served: dict[str, str]) -> None:
        """A session that is served stays where it is, whoever waits, until its job ends or is paused."""
        for job_id, device in served.items():
            if self.needs_engines(job_id):
                session = self.session(job_id)
                assert session is not None
                assert session.device == device
                assert self.store.leases.holder(device) == HOLDER

    @invariant()
    def who_works_on_a_device_holds_it(self) -> None:
        """Of trainings and servers with engines, one at most is not silent, and that one has the newest token."""
        for device in DEVICES:
            trainings = [one for one in self.trainings if one.lease.name == device and not one.silent]
            servers = [one for one in self.servers if one.device == device and one.runs_engines and not one.silent]
            assert len(trainings) + len(servers) <= 1
            assert all(training.lease.token == self.tokens[device] for training in trainings)

    @invariant()
    def a_device_serves_one_session(self) -> None:
        active = [one for one in self.store.serving.sessions() if self.needs_engines(one.job_id)]
        devices = [session.device for session in active if session.device]
        assert len(devices) == len(set(devices))

    def teardown(self) -> None:
        """Let trainings die and servers thaw; then everybody takes turns, by rank, and every job gets what it needs."""
        self.end_well()
        self.close()

    def end_well(self) -> None:
        self.trainings.clear()
        for device in DEVICES:
            self.expire(device)
            self.miss_the_silent(DEVICES.index(device))
        for number in range(len(self.servers)):
            self.make_idle(number)
        trained: set[str] = set()
        for _ in range(MAX_ROUNDS):
            waiting = [job for job in map(self.job, self.jobs) if not job.status.final]
            if not waiting:
                break
            self.reconcile_all()
            for job in waiting:
                place = self.jobs.index(job.id)
                self.resume(place)
                session = self.session(job.id)
                if session and self.engines_answer(job.id):
                    self.end(place)
                elif session is None and job.id in trained:
                    self.open_session(place)
                elif session is None:
                    self.train(place)
                    trained.update(training.job_id for training in self.trainings)
            while self.trainings:
                self.stop_training(0)
        assert [job for job in self.jobs if not self.job(job).status.final] == []
        self.reconcile_all()  # which wishes for the models of the last job
        for wish in self.store.wishes.all():
            self.store.wishes.forget(wish.model.name)
        for _ in range(4):
            self.reconcile_all()
        assert self.store.serving.sessions() == []
        assert [server.device for server in self.servers if server.runs_engines] == []
        assert self.store.leases.holders(DEVICES) == dict.fromkeys(DEVICES)
        assert [self.store.leases.waiters(device) for device in DEVICES] == [[], []]
        assert self.store.serving.engines() == []

    def reconcile_all(self) -> None:
        for number in range(len(self.servers)):
            self.reconcile(number)

    # what is there

    def start_server(self, device: str) -> DeviceServer:
        starter = StandInStarter()
        reconciler = Reconciler(self.store, self.context.settings, device, start=starter)  # type: ignore[arg-type]
        return DeviceServer(device, reconciler, starter)

    def change(self, job_id: str, **values: object) -> None:
        self.store.jobs.update(job_id, lambda job: job.model_copy(update=values))

    def tuned(self, job_id: str, round_: int = 1) -> WantedModel:
        return WantedModel(name=f"ft:{job_id}", folder=f"/runs/{job_id}/merged", round=round_)

    def needs_engines(self, job_id: str) -> bool:
        status = self.job(job_id).status
        return not status.final and status is not Status.PAUSED

    def training(self, pick: int) -> DeviceTraining | None:
        return self.trainings[pick % len(self.trainings)] if self.trainings else None

    def session(self, job_id: str) -> EngineSession | None:
        return next((one for one in self.store.serving.sessions() if one.job_id == job_id), None)

    def leave_queues(self, job_id: str) -> None:
        for device in DEVICES:
            self.store.leases.leave_queue(device, job_id)

    def grants(self, device: str) -> int:
        return self.store.leases.states([device])[device].grants

    def waiting(self, device: str, besides: str) -> list[tuple[float, str]]:
        return [(rank, holder) for holder, rank in self.store.leases.waiters(device) if holder != besides]

    def has_lower_rank(self, device: str, place: tuple[float, str]) -> bool:
        """Return whether the server's tenant comes before a waiter."""
        rank = float(self.store.client.hget(f"scriptorium:lease-record:{device}", "rank") or 0)
        return (rank, HOLDER) < place

    def served_sessions(self) -> dict[str, str]:
        """Return the devices of the sessions that are being served, by job."""
        sessions = [one for one in self.store.serving.sessions() if one.device]
        silent = {server.device for server in self.servers if server.silent}
        return {
            one.job_id: one.device
            for one in sessions
            if one.device not in silent and self.store.leases.holder(one.device) == HOLDER
        }

    def engines_answer(self, job_id: str) -> bool:
        names = {engine.name for engine in self.store.serving.engines() if engine.state == "ready"}
        return {BASE.name, f"ft:{job_id}"} <= names


def test_whatever_happens_a_device_has_one_tenant_and_every_job_its_turn(redis_url: str) -> None:
    run_machine(DeviceModel, redis_url, examples=10)
