"""The core as a state machine: whatever happens to jobs, messages, workers and leases, in any order.

Hypothesis chooses the steps; the store, the volume, the pipeline, the reaper and the steering are the real ones. Time
is under control: a lease lasts until a step lets it run out. The invariants are those of docs/reliability.md. A
thousand steps run with the tests, more with `SCRIPTORIUM_MODEL_EXAMPLES=400` (fifty steps each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from state_machine import StoreMachine, run_machine
from work import lose_lease, submit

from scriptorium.contracts import Decision, DecisionKind, Job, JobError, Option, Phase, Status
from scriptorium.errors import Cancelled, Conflict, LeaseLost
from scriptorium.jobs.pipeline import TABLE, Pipeline
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.records import save_record
from scriptorium.jobs.runner import claim, settle
from scriptorium.jobs.steering import cancel_job, pause_job, resume_job
from scriptorium.store import Lease
from scriptorium.store.leases import phase_lease

MAX_JOBS = 3
MAX_ROUNDS = 60  # of reaper and workers until every job must have ended: six phases, and a few repeated
PHASES = {step.task: phase for phase, step in TABLE.items()}
PICK = st.integers(0, 5)
USERS = ("submit", "cancel", "pause", "resume", "answer", "answer", "resume")
NEED_MESSAGE = ("deliver", "deliver_twice", "lose_message")
MESSAGES = (*NEED_MESSAGE, "reap", "deliver", "deliver")
WORKERS = (
    "let_lease_run_out", "freeze", "freeze", "renew", "die", "publish", "finish", "finish", "fail", "ask", "shut_down",
)  # fmt: skip
QUESTION = Decision(
    kind=DecisionKind.DATA_QUALITY,
    question="Go on?",
    reason="A test.",
    options=[Option(name="go_on", meaning="go on"), Option(name="stop", meaning="stop")],
    recommended="go_on",
)


@dataclass(frozen=True)
class Worker:
    """An attempt at a phase, whose worker may be frozen or dead."""

    job_id: str
    phase: Phase
    lease: Lease


class CoreModel(StoreMachine):
    """Three jobs at most, any number of workers, and messages that are lost, late or delivered twice."""

    options: ClassVar[dict[str, object]] = {
        "lease_ttl": timedelta(hours=1), "reaper_grace": timedelta(0), "max_attempts": 2,
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[str] = []
        self.workers: list[Worker] = []
        self.tokens: dict[str, int] = {}
        self.ends: dict[str, tuple[Status, int | None]] = {}
        self.winners: dict[tuple[str, Phase], object] = {}

    @initialize()
    def begin(self) -> None:
        """Begin with two jobs, each at work: a step that needs a worker mostly finds one."""
        self.submit()
        self.submit()
        self.deliver_all()

    @rule(step=st.sampled_from(USERS + MESSAGES + WORKERS), pick=PICK)
    def happen(self, step: str, pick: int) -> None:
        """Let one thing happen, if there is a job, a message or a worker that it can happen to."""
        possible = self.workers if step in WORKERS else self.sent.messages if step in NEED_MESSAGE else self.jobs
        if possible:
            getattr(self, step)(pick)
        else:
            self.reap(pick)
            self.deliver_all()

    # what users do

    def submit(self, _: int = 0) -> None:
        if len(self.jobs) < MAX_JOBS:
            self.jobs.append(submit(self.context, f"ftjob-{len(self.jobs)}").id)

    def cancel(self, pick: int) -> None:
        self.steer(pick, cancel_job)

    def pause(self, pick: int) -> None:
        self.steer(pick, pause_job)

    def resume(self, pick: int) -> None:
        self.steer(pick, resume_job)

    def answer(self, pick: int) -> None:
        job = self.job(self.jobs[pick % len(self.jobs)])
        if job.open_decision:
            self.context.pipeline.answer(job.id, job.open_decision.kind, "go_on")
        else:
            with pytest.raises(Conflict):
                self.context.pipeline.answer(job.id, DecisionKind.DATA_QUALITY, "go_on")

    def steer(self, pick: int, request: Callable[[Pipeline, str], Job]) -> None:
        """Ask something of a job; only one that has ended, or waits for an answer, refuses."""
        job = self.job(self.jobs[pick % len(self.jobs)])
        if job.status.final or (request is resume_job and job.open_decision):
            with pytest.raises(Conflict):
                request(self.context.pipeline, job.id)
        else:
            request(self.context.pipeline, job.id)

    # what happens to messages

    def deliver_all(self) -> None:
        for _ in range(len(self.sent.messages)):
            self.deliver(0)

    def deliver_twice(self, pick: int) -> None:
        self.deliver(pick, again=True)

    def deliver(self, pick: int, *, again: bool = False) -> None:
        """Give a message to a worker; `again` leaves it in the queue, as one that is delivered twice."""
        place = pick % len(self.sent.messages)
        task, job_id = self.sent.messages[place] if again else self.sent.messages.pop(place)
        phase = PHASES[task]
        name = phase_lease(job_id, phase)
        was_free = self.context.store.leases.holder(name) is None
        lease = claim(self.context, job_id, phase)
        if lease is not None:
            assert was_free
            assert lease.token > self.tokens.get(name, 0)
            self.tokens[name] = lease.token
            save_record(self.context.store, self.context.volume, self.job(job_id))
            self.workers.append(Worker(job_id, phase, lease))

    def lose_message(self, pick: int) -> None:
        self.sent.messages.pop(pick % len(self.sent.messages))

    def reap(self, _: int = 0) -> None:
        reap(self.context, self.sent.waiting)

    # what happens to workers

    def let_lease_run_out(self, pick: int) -> None:
        worker = self.worker(pick)
        if self.is_newest(worker):
            lose_lease(self.context, self.job(worker.job_id), worker.phase)

    def freeze(self, pick: int) -> None:
        """Let another worker take the phase over; this one knows nothing of it, and thaws later."""
        self.let_lease_run_out(pick)
        self.reap(pick)
        self.deliver_all()

    def renew(self, pick: int) -> None:
        worker = self.worker(pick)
        renewed = self.context.store.leases.renew(worker.lease, self.context.settings.lease_ttl)
        assert renewed == self.is_newest(worker)

    def die(self, pick: int) -> None:
        """Lose a worker, whose lease runs out later."""
        self.let_lease_run_out(pick)
        self.workers.remove(self.worker(pick))

    def publish(self, pick: int) -> None:
        """Publish, and go on working: the worker may die before the job moves on."""
        worker = self.worker(pick)
        with suppress(LeaseLost):
            self.publish_result(worker)

    def finish(self, pick: int) -> None:
        worker = self.worker(pick)
        with self.leaving(worker):
            self.publish_result(worker)
            self.context.pipeline.advance(worker.job_id, worker.phase, worker.lease.token)

    def fail(self, pick: int) -> None:
        worker = self.worker(pick)
        error = JobError(code="internal_error", message="A test.")
        with self.leaving(worker):
            self.context.pipeline.fail(worker.job_id, worker.phase, worker.lease.token, error)

    def ask(self, pick: int) -> None:
        worker = self.worker(pick)
        with self.leaving(worker):
            self.context.pipeline.ask(worker.job_id, worker.phase, worker.lease.token, QUESTION)

    def shut_down(self, pick: int) -> None:
        worker = self.worker(pick)
        self.context.pipeline.excuse(worker.job_id, worker.phase)
        self.leave(worker)

    @contextmanager
    def leaving(self, worker: Worker) -> Iterator[None]:
        """End an attempt, as a worker does: what a stale one does is refused, and a cancel ends the job."""
        job = self.job(worker.job_id)
        may_change = self.is_newest(worker) and job.phase is worker.phase and not job.status.final
        try:
            yield
            assert may_change
        except LeaseLost:
            assert not may_change or self.published(worker)
        except Cancelled:
            self.context.pipeline.cancel(worker.job_id)
        self.leave(worker)

    def leave(self, worker: Worker) -> None:
        """Let go of a lease, and carry out a pause that waited for it."""
        self.context.store.leases.release(worker.lease)
        self.workers.remove(worker)
        settle(self.context, worker.job_id)

    def publish_result(self, worker: Worker) -> None:
        """Publish as the runner does, unless that was done before. Raises LeaseLost."""
        volume, job = self.context.volume, self.job(worker.job_id)
        if volume.take_round(job.id, worker.phase, job.round) is not None:
            return
        if not self.context.store.leases.renew(worker.lease, self.context.settings.lease_ttl):
            raise LeaseLost("another attempt holds it")
        folder = volume.attempt(job.id, worker.phase, worker.lease.token)
        body = {"attempt": worker.lease.token, "round": job.round, "result": {}}
        volume.publish(job.id, worker.phase, folder, body)

    # what is always true

    @invariant()
    def no_job_is_lost_and_none_comes_back(self) -> None:
        for job_id in self.jobs:
            job = self.job(job_id)
            saved = self.context.volume.saved_job(job_id)
            assert saved
            assert saved.version == job.version
            if job.status.final:
                assert self.ends.setdefault(job_id, (job.status, job.finished_at)) == (job.status, job.finished_at)
            assert (job_id in self.ends) == job.status.final

    @invariant()
    def one_attempt_publishes_a_phase(self) -> None:
        for job_id in self.jobs:
            for phase in Phase:
                if body := self.context.volume.published(job_id, phase):
                    assert self.winners.setdefault((job_id, phase), body["attempt"]) == body["attempt"]

    @invariant()
    def a_phase_has_one_worker(self) -> None:
        for worker in self.workers:
            if not self.is_newest(worker):
                assert not self.context.store.leases.renew(worker.lease, self.context.settings.lease_ttl)

    def teardown(self) -> None:
        """Let every worker die, then the reaper and good workers do the rest: every job ends."""
        while self.workers:
            self.die(0)
        for _ in range(MAX_ROUNDS):
            waiting = [job for job in map(self.job, self.jobs) if not job.status.final]
            if not waiting:
                break
            for place, job in enumerate(map(self.job, self.jobs)):
                if job.open_decision:
                    self.answer(place)
                if not self.job(job.id).status.final and not self.job(job.id).open_decision:
                    self.resume(place)
            self.reap()
            while self.sent.messages:
                self.deliver(0)
            while self.workers:
                self.finish(0)
        self.no_job_is_lost_and_none_comes_back()
        self.one_attempt_publishes_a_phase()
        assert [job_id for job_id in self.jobs if job_id not in self.ends] == []
        for job_id, (status, _) in self.ends.items():
            published = {phase for job, phase in self.winners if job == job_id}
            assert status is not Status.SUCCEEDED or published == set(TABLE)
        self.close()

    def worker(self, pick: int) -> Worker:
        return self.workers[pick % len(self.workers)]

    def is_newest(self, worker: Worker) -> bool:
        return self.tokens[phase_lease(worker.job_id, worker.phase)] == worker.lease.token

    def published(self, worker: Worker) -> bool:
        return self.context.volume.published(worker.job_id, worker.phase) is not None


def test_whatever_happens_every_job_ends_once(redis_url: str) -> None:
    run_machine(CoreModel, redis_url, examples=20)
