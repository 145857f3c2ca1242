"""The reporter of a real job: events, metrics and checkpoints go to the store, and a question pauses the job."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from scriptorium.contracts import Checkpoint, Decision, DecisionKind, Event, EventType, Job, Level, Phase
from scriptorium.contracts.base import Answerer
from scriptorium.errors import DecisionNeeded, ScriptoriumError
from scriptorium.jobs.attempt.outbox import Outbox
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.records import update_record

log = logging.getLogger(__name__)


class JobReporter:
    """Reports for one attempt at a phase; `stop_reason` returns why the phase should stop, if it should."""

    def __init__(
        self,
        pipeline: Pipeline,
        job_id: str,
        phase: Phase,
        attempt: int,
        *,
        outbox: Outbox,
        stop_reason: Callable[[], ScriptoriumError | None],
    ) -> None:
        self._pipeline = pipeline
        self._store = pipeline.store
        self._job_id = job_id
        self._phase = phase
        self._attempt = attempt
        self._outbox = outbox
        self._stop_reason = stop_reason

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Append an event to the job's log."""
        log.info("%s %s", self._job_id, text)
        event = Event(created_at=int(time.time()), level=level, message=text, data=data)
        self._outbox.put(lambda: self._store.events.append(self._job_id, event))

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Append an event with numbers to the job's log, and set them as its progress."""
        known = {name: value for name, value in data.items() if value is not None}
        self._outbox.put(lambda: self._store.jobs.set_progress(self._job_id, known))
        finite = {name: value for name, value in known.items() if math.isfinite(value)}  # JSON has no NaN
        event = Event(created_at=int(time.time()), type=EventType.METRICS, message=text, data=dict(finite))
        self._outbox.put(lambda: self._store.events.append(self._job_id, event))
        if "eta_seconds" in known:
            finish = int(time.time() + known["eta_seconds"])
            self._outbox.put(lambda: self._set_estimated_finish(finish))

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Set numbers as the job's progress, without an event."""
        if numbers:
            self._outbox.put(lambda: self._store.jobs.set_progress(self._job_id, numbers))

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """List a checkpoint."""
        self._outbox.put(lambda: self._store.jobs.add_checkpoint(self._job_id, checkpoint))

    def ask(self, decision: Decision) -> str:
        """Return the user's answer, or the recommended one if the recipe says so or the matter is harmless.

        Otherwise pause the job.
        """
        self._outbox.drain(self.check)
        job = self._store.jobs.get(self._job_id)
        known = job.decisions.get(decision.kind)
        if known and known.answer and not decision.kind.recurs:
            return known.answer
        claim = (self._job_id, self._phase, self._attempt)
        if decision.harmless or getattr(job.recipe.decisions, decision.kind) == "auto":
            self._pipeline.decide(*claim, decision)
            return decision.recommended
        self._pipeline.ask(*claim, decision)
        raise DecisionNeeded(decision.question)

    def answered_by(self, kind: DecisionKind) -> Answerer:
        """Return who gave the answer, as the job's record has it."""
        decision = self._store.jobs.get(self._job_id).decisions.get(kind)
        return (decision and decision.answered_by) or "nobody"

    def check(self) -> None:
        """Raise the reason to stop, if there is one."""
        if reason := self._stop_reason():
            raise reason

    def _set_estimated_finish(self, finish: int) -> None:
        def change(job: Job) -> Job:
            return job if job.status.final else job.model_copy(update={"estimated_finish": finish})

        update_record(self._store, self._pipeline.volume, self._job_id, change)
