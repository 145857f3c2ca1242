"""The phases and their order: one table, and the only functions that move a job along it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import (
    Decision,
    DecisionKind,
    Event,
    Job,
    JobError,
    Level,
    NextRound,
    Phase,
    Status,
    best_round,
)
from scriptorium.errors import Cancelled, Conflict, DiskFull, InvalidRequest, LeaseLost
from scriptorium.jobs import queue
from scriptorium.jobs.records import save_record, update_record
from scriptorium.store import Store
from scriptorium.urls import job_page

Send = Callable[[str, str], None]


@dataclass(frozen=True)
class Step:
    """One row of the table: the task to send, the API's status while it runs, its tag in events, and the next phase.

    `next_round` is the phase with which another round begins: it and those after it are done once in each round.
    """

    task: str
    status: Status
    tag: str
    next_phase: Phase | None
    next_round: Phase | None = None


TABLE = {
    Phase.PREPARE: Step(queue.PREPARE, Status.VALIDATING, "[DATA]", Phase.TRAIN),
    Phase.TRAIN: Step(queue.TRAIN, Status.RUNNING, "[TRAIN]", Phase.CALIBRATE),
    Phase.CALIBRATE: Step(queue.CALIBRATE, Status.RUNNING, "[CALIBRATE]", Phase.MERGE),
    Phase.MERGE: Step(queue.MERGE, Status.RUNNING, "[MERGE]", Phase.SERVE, Phase.MERGE),
    Phase.SERVE: Step(queue.SERVE, Status.RUNNING, "[SERVE]", Phase.EVALUATE, Phase.MERGE),
    Phase.EVALUATE: Step(queue.EVALUATE, Status.RUNNING, "[VALIDATE]", None, Phase.MERGE),
}


ROUND_PHASES = tuple(phase for phase, step in TABLE.items() if step.next_round)


class Pipeline:
    """Moves jobs along the table; `send` is injected so that tests need no broker."""

    def __init__(self, store: Store, volume: Volume, send: Send = queue.send) -> None:
        self.store = store
        self.volume = volume
        self._send = send

    def submit(self, job: Job) -> Job:
        """Record a new job and send its first phase."""
        self.store.jobs.add(job)
        return self.start(job)

    def start(self, job: Job) -> Job:
        """Save a job that was just added to the store, and send its first phase; without space the job fails.

        The store comes first: a record on the volume alone would make a second job when the volume is restored. If this
        process dies here, the reaper sends the job.
        """
        try:
            save_record(self.store, self.volume, job)
        except DiskFull as error:
            body = JobError(code=error.code, message=str(error), next_step=error.next_step)
            self._record(job.id, lambda record: _end_job(record, Status.FAILED, body))
            raise
        self.log_event(job, f"Created fine-tuning job: {job.id}")
        return self.dispatch(job)

    def dispatch(self, job: Job) -> Job:
        """Send the job's current phase."""
        return self._send_phase(self._record(job.id, sent_now))

    def repeat(self, job: Job) -> Job:
        """Send a phase again that no worker has claimed; the job keeps its place in the queue."""
        repeated = {"hinted_at": time.time()}
        return self._send_phase(self._record(job.id, lambda record: record.model_copy(update=repeated)))

    def send_again(self, job_id: str, phase: Phase) -> None:
        """Hand a message back: the job's place is its rank, so it does not count as a new one."""
        self._send(TABLE[phase].task, job_id)

    def advance(self, job_id: str, phase: Phase, attempt: int, **updates: object) -> Job:
        """Record that a phase was published, and send the next one unless the job is to pause.

        Raises LeaseLost or Cancelled.
        """
        next_phase = TABLE[phase].next_phase

        def change(job: Job) -> Job:
            check_current_attempt(job, phase, attempt)
            updated = job.model_copy(update=updates)
            if next_phase is None:
                return _end_job(updated, Status.SUCCEEDED, None)
            advanced = updated.model_copy(update={"phase": next_phase})
            return pause_now(advanced) if job.pause_requested else sent_now(advanced, waiting_status(next_phase))

        job = self._record(job_id, change)
        if job.status is Status.PAUSED:
            self.log_pause(job)
            return job
        if next_phase is not None:
            return self._send_phase(job)
        self.log_event(job, "The job has successfully completed.")
        return job

    def begin_round(
        self, job_id: str, phase: Phase, attempt: int, turn: NextRound, updates: Mapping[str, object]
    ) -> Job:
        """Record that a phase was published and that the job goes on with another round. Raises LeaseLost or Cancelled.

        What attempts left in the present round is removed first: nothing of it may be resumed from in the next.
        """
        for repeated in ROUND_PHASES:
            self.volume.discard_attempts(job_id, repeated)

        def change(job: Job) -> Job:
            check_current_attempt(job, phase, attempt)
            return _in_round(job.model_copy(update=updates), phase, turn)

        return self._send_round(self._record(job_id, change))

    def fail(self, job_id: str, phase: Phase, attempt: int, error: JobError) -> Job:
        """End a job with an error; in a later round it goes back to the best model that was measured.

        Raises LeaseLost or Cancelled.
        """

        def change(job: Job) -> Job:
            check_current_attempt(job, phase, attempt)
            turn = _measured_before(job)
            return _in_round(job, phase, turn) if turn else _end_job(job, Status.FAILED, error)

        job = self._record(job_id, change)
        self.log_event(job, f"[ERROR] {TABLE[phase].tag} {error.message}", Level.ERROR, **error.model_dump())
        if error.next_step:
            self.log_event(job, f"[ERROR] Suggested fix: {error.next_step}", Level.ERROR)
        if job.status is Status.FAILED:
            return job
        for repeated in ROUND_PHASES:
            self.volume.discard_attempts(job_id, repeated)
        return self._send_round(job)

    def cancel(self, job_id: str) -> Job:
        """End a job at its user's request; one that has already ended stays as it is."""

        def change(job: Job) -> Job:
            if job.status.final:
                raise Conflict(f"{job_id} has already ended: {job.status}.")
            return _end_job(job, Status.CANCELLED, None)

        try:
            job = self._record(job_id, change)
        except Conflict:
            return self.store.jobs.get(job_id)
        self.log_event(job, "The job was cancelled.", Level.WARN)
        return job

    def ask(self, job_id: str, phase: Phase, attempt: int, decision: Decision) -> Job:
        """Pause a job until its question is answered. Raises LeaseLost or Cancelled."""

        def change(job: Job) -> Job:
            check_current_attempt(job, phase, attempt)
            return _with_decision(_excuse_attempt(job, phase), decision).model_copy(update={"status": Status.PAUSED})

        decision = _with_page(decision, job_id)
        job = self._record(job_id, change)
        data = decision.model_dump(mode="json")
        self.log_event(job, f"[DECISION] {_describe_decision(decision)}", Level.WARN, **data)
        for option in decision.options:
            hint = " (recommended)" if option.name == decision.recommended else ""
            text = f"[DECISION] scriptorium decide {job_id} {option.name}: {option.meaning}{hint}"
            self.log_event(job, text, Level.WARN)
        return job

    def decide(self, job_id: str, phase: Phase, attempt: int, decision: Decision) -> Job:
        """Take the recommended answer, as the recipe asks for. Raises LeaseLost or Cancelled."""
        answer = {"answer": decision.recommended, "answered_by": "policy"}
        answered = _with_page(decision, job_id).model_copy(update=answer)

        def change(job: Job) -> Job:
            check_current_attempt(job, phase, attempt)
            return _with_decision(job, answered)

        job = self._record(job_id, change)
        text = f"[DECISION] {_describe_decision(answered)} Taken as recommended: {answered.answer}"
        self.log_event(job, text, Level.WARN, **answered.model_dump(mode="json"))
        return job

    def answer(self, job_id: str, kind: DecisionKind, answer: str) -> Job:
        """Record a person's answer and send the phase again, unless the user has paused the job as well.

        Raises Conflict or InvalidRequest.
        """

        def change(job: Job) -> Job:
            decided = _with_decision(job, _answer_decision(job, kind, answer))
            return decided if job.pause_requested else sent_now(decided, waiting_status(job.phase))

        job = self._record(job_id, change)
        self.log_event(job, f"[DECISION] {kind}: {answer}")
        if job.status is Status.PAUSED:
            self.log_pause(job)
            return job
        return self._send_phase(job)

    def excuse(self, job_id: str, phase: Phase) -> None:
        """Record that an attempt does not count against the limit: the job is not to blame for its end."""
        self._record(job_id, lambda job: _excuse_attempt(job, phase))

    def log_pause(self, job: Job) -> None:
        """Log that a job is paused by its user, at which step of a training, and how it goes on."""
        tag, step = TABLE[job.phase].tag, self._saved_step(job)
        place = f"in {job.phase}" if job.phase in job.attempts else f"before {job.phase}"
        place = f"at step {step}, saved as checkpoint-{step}" if step else place
        text = f"{tag} Paused {place}. Resume it with: scriptorium resume {job.id}"
        self.log_event(job, text, Level.WARN, phase=job.phase, step=step)

    def _saved_step(self, job: Job) -> int | None:
        """Return the step that a training goes on from."""
        checkpoints = self.store.jobs.checkpoints(job.id) if job.phase is Phase.TRAIN else []
        return checkpoints[0].step if checkpoints else None

    def log_event(self, job: Job, text: str, level: Level = Level.INFO, **data: object) -> None:
        """Append an event to the job's log."""
        self.store.events.append(job.id, Event(created_at=int(time.time()), level=level, message=text, data=data))

    def _send_round(self, job: Job) -> Job:
        """Log which model is next, and send the first phase of its round unless the job is paused."""
        tag = TABLE[Phase.EVALUATE].tag
        if model := job.measured.get(job.round):
            self.log_event(job, f"{tag} The job ends with the model of round {job.round}: {model.name}")
        elif job.trial:
            model_name = f"checkpoint {job.trial.step} at strength {job.trial.strength:g}"
            self.log_event(job, f"{tag} Round {job.round}: {model_name} is merged and measured")
        if job.status is Status.PAUSED:
            self.log_pause(job)
            return job
        return self._send_phase(job)

    def _send_phase(self, job: Job) -> Job:
        self._send(TABLE[job.phase].task, job.id)
        return job

    def _record(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        return update_record(self.store, self.volume, job_id, change)


def check_current_attempt(job: Job, phase: Phase, attempt: int) -> None:
    """Check that an attempt may change the job: with the newest token, at its current phase, and not cancelled.

    Raises LeaseLost or Cancelled. The heartbeat alone would notice a cancel too late.
    """
    if job.status.final or job.phase != phase or job.attempts.get(phase) != attempt:
        raise LeaseLost(f"attempt {attempt} at {phase} of {job.id} was overtaken")
    if job.cancel_requested:
        raise Cancelled(f"{job.id} was cancelled")


def waiting_status(phase: Phase) -> Status:
    """Return the API's status of a job whose next phase was sent but has not begun: "queued" only before training."""
    return Status.QUEUED if phase is Phase.TRAIN else TABLE[phase].status


def sent_now(job: Job, status: Status | None = None) -> Job:
    """Return a job as one whose phase is sent now, before it is: a message that then gets lost is missed."""
    now = time.time()
    return job.model_copy(update={"status": status or job.status, "sent_at": now, "hinted_at": now})


def pause_now(job: Job) -> Job:
    """Return a job as one that its user has paused and no worker holds."""
    return job.model_copy(update={"status": Status.PAUSED, "sent_at": 0.0, "estimated_finish": None})


def _end_job(job: Job, status: Status, error: JobError | None) -> Job:
    ended = {"status": status, "error": error, "finished_at": int(time.time())}
    return job.model_copy(update={**ended, "estimated_finish": None, "pause_requested": False})


def _in_round(job: Job, phase: Phase, turn: NextRound) -> Job:
    """Return the job at the beginning of another round: attempts of the last one do not count against its limit.

    A verdict that was decided on is not asked about again; the next round has its own.
    """
    first = TABLE[phase].next_round or phase
    changes = {
        "round": turn.number,
        "trial": turn.trial,
        "settled": turn.settled,
        "phase": first,
        "excused": {**job.excused, **{repeated: job.attempts.get(repeated, 0) for repeated in ROUND_PHASES}},
        "decisions": {kind: known for kind, known in job.decisions.items() if kind is not DecisionKind.VERDICT},
    }
    changed = job.model_copy(update=changes)
    return pause_now(changed) if job.pause_requested else sent_now(changed, waiting_status(first))


def _measured_before(job: Job) -> NextRound | None:
    """Return the round to go back to from one that failed: there is none in the first, and no second way back."""
    if job.settled or not job.measured or job.round in job.measured:
        return None
    number = best_round(job.measured)
    return NextRound(number=number, trial=job.measured[number].trial, settled=True)


def _excuse_attempt(job: Job, phase: Phase) -> Job:
    """Return the job with one more attempt that does not count against the limit."""
    return job.model_copy(update={"excused": {**job.excused, phase: job.excused.get(phase, 0) + 1}})


def _with_decision(job: Job, decision: Decision) -> Job:
    """Return the job with a decision, open or answered."""
    return job.model_copy(update={"decisions": {**job.decisions, decision.kind: decision}})


def _with_page(decision: Decision, job_id: str) -> Decision:
    """Return a decision with the address of the page that it names."""
    return decision.model_copy(update={"page": decision.page and job_page(job_id, decision.page)})


def _describe_decision(decision: Decision) -> str:
    """Return a question with its reason and its page, in one line."""
    look = [f"Look at {decision.page}"] if decision.page else []
    return " ".join([decision.question, decision.reason, *look])


def _answer_decision(job: Job, kind: DecisionKind, answer: str) -> Decision:
    """Return a job's open decision with a person's answer. Raises Conflict or InvalidRequest."""
    decision = job.decisions.get(kind)
    if decision is None or decision.answer or job.status is not Status.PAUSED:
        raise Conflict(f"{job.id} is not waiting for an answer to {kind}.", param="kind")
    names = [option.name for option in decision.options]
    if answer not in names:
        next_step = f"One of: {', '.join(names)}."
        raise InvalidRequest(f"{answer!r} is not an answer to {kind}.", param="answer", next_step=next_step)
    return decision.model_copy(update={"answer": answer, "answered_by": "person"})
