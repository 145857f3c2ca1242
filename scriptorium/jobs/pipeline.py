"""The phases in order, and what follows what: one table, and the only functions that move a job along it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Decision, DecisionKind, Event, Job, JobError, Level, Phase, Status
from scriptorium.errors import Conflict, InvalidRequest, LeaseLost
from scriptorium.jobs import queue
from scriptorium.store import Store

Send = Callable[[str, str], None]


@dataclass(frozen=True)
class Step:
    """One row of the table: what is sent, the wire status while it runs, its tag in events, and what comes next."""

    task: str
    status: Status
    tag: str
    following: Phase | None


TABLE = {
    Phase.PREPARE: Step(queue.PREPARE, Status.VALIDATING, "[DATA]", Phase.TRAIN),
    Phase.TRAIN: Step(queue.TRAIN, Status.RUNNING, "[TRAIN]", Phase.MERGE),
    Phase.MERGE: Step(queue.MERGE, Status.RUNNING, "[MERGE]", Phase.SERVE),
    Phase.SERVE: Step(queue.SERVE, Status.RUNNING, "[SERVE]", Phase.EVALUATE),
    Phase.EVALUATE: Step(queue.EVALUATE, Status.RUNNING, "[VALIDATE]", None),
}


class Pipeline:
    """Moves jobs along the table. `send` is injected so that tests need no broker."""

    def __init__(self, store: Store, volume: Volume, send: Send = queue.send) -> None:
        self.store = store
        self.volume = volume
        self._send = send

    def submit(self, job: Job) -> Job:
        """Record a new job and send its first phase."""
        self.volume.save_job(job)
        self.store.jobs.add(job)
        self.say(job, f"Created fine-tuning job: {job.id}")
        return self.dispatch(job)

    def dispatch(self, job: Job) -> Job:
        """Send the phase that the job is at."""
        job = self.store.jobs.update(job.id, lambda now: now.model_copy(update={"sent_at": time.time()}))
        self._send(TABLE[job.phase].task, job.id)
        return job

    def advance(self, job_id: str, phase: Phase, attempt: int, **learned: object) -> Job:
        """Record that a phase was published, and send the next one; raises LeaseLost for a stale attempt."""
        following = TABLE[phase].following

        def change(job: Job) -> Job:
            guard(job, phase, attempt)
            if following is None:
                ended = {"status": Status.SUCCEEDED, "finished_at": int(time.time()), "estimated_finish": None}
                return job.model_copy(update={**learned, **ended})
            return job.model_copy(update={**learned, "phase": following, "status": waiting_status(following)})

        job = self._record(job_id, change)
        if following is not None:
            return self.dispatch(job)
        self.say(job, "The job has successfully completed.")
        return job

    def fail(self, job_id: str, phase: Phase, attempt: int, error: JobError) -> Job:
        """End a job with an error; raises LeaseLost for a stale attempt."""

        def change(job: Job) -> Job:
            guard(job, phase, attempt)
            return _ended(job, Status.FAILED, error)

        job = self._record(job_id, change)
        self.say(job, f"[ERROR] {TABLE[phase].tag} {error.message}", Level.ERROR, **error.model_dump())
        if error.next_step:
            self.say(job, f"[ERROR] Suggested fix: {error.next_step}", Level.ERROR)
        return job

    def cancelled(self, job_id: str) -> Job:
        """End a job because its user wished so; one that has ended already stays as it is."""

        def change(job: Job) -> Job:
            if job.status.final:
                raise Conflict(f"{job_id} has ended already: {job.status}.")
            return _ended(job, Status.CANCELLED, None)

        try:
            job = self._record(job_id, change)
        except Conflict:
            return self.store.jobs.get(job_id)
        self.say(job, "The job was cancelled.", Level.WARN)
        return job

    def ask(self, job_id: str, phase: Phase, attempt: int, decision: Decision) -> Job:
        """Pause a job until its question is answered; raises LeaseLost for a stale attempt."""

        def change(job: Job) -> Job:
            guard(job, phase, attempt)
            return _decided(_excused(job, phase), decision).model_copy(update={"status": Status.PAUSED})

        job = self._record(job_id, change)
        told = decision.model_dump(mode="json")
        self.say(job, f"[DECISION] {decision.question} {decision.reason}", Level.WARN, **told)
        for option in decision.options:
            hint = " (recommended)" if option.name == decision.recommended else ""
            self.say(job, f"[DECISION] scriptorium decide {job_id} {option.name}: {option.meaning}{hint}", Level.WARN)
        return job

    def decide(self, job_id: str, phase: Phase, attempt: int, decision: Decision) -> Job:
        """Take the recommended answer, as the recipe wants; raises LeaseLost for a stale attempt."""
        taken = decision.model_copy(update={"answer": decision.recommended, "answered_by": "policy"})

        def change(job: Job) -> Job:
            guard(job, phase, attempt)
            return _decided(job, taken)

        job = self._record(job_id, change)
        text = f"[DECISION] {taken.question} {taken.reason} Taken as recommended: {taken.answer}"
        self.say(job, text, Level.WARN, **taken.model_dump(mode="json"))
        return job

    def answer(self, job_id: str, kind: DecisionKind, answer: str) -> Job:
        """Record a person's answer and take the phase up again; raises Conflict or InvalidRequest."""

        def change(job: Job) -> Job:
            decided = _decided(job, _answered(job, kind, answer))
            return decided.model_copy(update={"status": waiting_status(job.phase)})

        job = self._record(job_id, change)
        self.say(job, f"[DECISION] {kind}: {answer}")
        return self.dispatch(job)

    def excuse(self, job_id: str, phase: Phase) -> None:
        """Note that an attempt ended by a shutdown: it does not count against the limit of attempts."""
        self.store.jobs.update(job_id, lambda job: _excused(job, phase))

    def say(self, job: Job, text: str, level: Level = Level.INFO, **data: object) -> None:
        """Add a line to the job's story."""
        self.store.events.append(job.id, Event(created_at=int(time.time()), level=level, message=text, data=data))

    def _record(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        job = self.store.jobs.update(job_id, change)
        self.volume.save_job(job)
        return job


def guard(job: Job, phase: Phase, attempt: int) -> None:
    """Check the fencing token: only the newest attempt at the job's present phase may speak for it."""
    if job.status.final or job.phase != phase or job.attempts.get(phase) != attempt:
        raise LeaseLost(f"attempt {attempt} at {phase} of {job.id} was overtaken")


def waiting_status(phase: Phase) -> Status:
    """The wire status of a job whose next phase was sent but not begun: "queued" only in front of the GPU."""
    return Status.QUEUED if phase is Phase.TRAIN else TABLE[phase].status


def _ended(job: Job, status: Status, error: JobError | None) -> Job:
    ended = {"status": status, "error": error, "finished_at": int(time.time()), "estimated_finish": None}
    return job.model_copy(update=ended)


def _excused(job: Job, phase: Phase) -> Job:
    """An attempt that does not count against the limit of attempts."""
    return job.model_copy(update={"excused": {**job.excused, phase: job.excused.get(phase, 0) + 1}})


def _decided(job: Job, decision: Decision) -> Job:
    """The job with a decision, asked or answered."""
    return job.model_copy(update={"decisions": {**job.decisions, decision.kind: decision}})


def _answered(job: Job, kind: DecisionKind, answer: str) -> Decision:
    """A job's open question with a person's answer; raises Conflict or InvalidRequest."""
    asked = job.decisions.get(kind)
    if asked is None or asked.answer or job.status is not Status.PAUSED:
        raise Conflict(f"{job.id} does not wait for an answer to {kind}.", param="kind")
    names = [option.name for option in asked.options]
    if answer not in names:
        step = f"One of: {', '.join(names)}."
        raise InvalidRequest(f"{answer!r} is no answer to {kind}.", param="answer", next_step=step)
    return asked.model_copy(update={"answer": answer, "answered_by": "person"})
