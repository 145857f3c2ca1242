"""A worker that the cases command over HTTP: the real runner, store and events, only the work of a phase is played."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, FastAPI

from scriptorium.contracts import Checkpoint, Event, Phase, PrepareRequest, PrepareResult
from scriptorium.errors import InvalidTrainingFile
from scriptorium.identifiers import JOB_PREFIX, make_id
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.process.child import wait_until
from tests.integration.work import DONE, finish_with_model

SOON = timedelta(seconds=10)
Payload = Annotated[dict[str, Any], Body()]


class PlayedWorker:
    """Prepares manuscripts until it is told to end, and stops when the job's user says so, as a real worker does."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ends: dict[str, tuple[threading.Event, list[str]]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def app(self) -> FastAPI:
        """Make the application with which the cases command the worker."""
        app = FastAPI()
        app.post("/{job_id}/begin")(self.begin)
        app.post("/{job_id}/end")(self.end)
        app.post("/{job_id}/wait")(self.wait)
        app.post("/{job_id}/events")(self.log_events)
        app.post("/{job_id}/checkpoints")(self.save_checkpoints)
        app.post("/finished")(self.finish)
        return app

    def begin(self, job_id: str) -> None:
        """Begin to prepare a job's manuscript; returns once the worker holds the job."""
        begun = threading.Event()
        end: tuple[threading.Event, list[str]] = (threading.Event(), [])

        def work(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
            begun.set()
            while not end[0].wait(0.02):
                reporter.check()
            if end[1]:
                raise InvalidTrainingFile(end[1][0], param="training_file")
            (folder / "train.jsonl").write_text("{}\n")
            return DONE

        def run() -> None:
            run_phase(job_id, Phase.PREPARE, work, context=self._context)

        self._ends[job_id], self._threads[job_id] = end, threading.Thread(target=run, name=job_id, daemon=True)
        self._threads[job_id].start()
        if not begun.wait(SOON.total_seconds()):
            raise TimeoutError(f"{job_id} cannot be claimed")

    def end(self, job_id: str, payload: Payload) -> None:
        """End the work: with an error if a `reason` is given, else with success."""
        finished, reasons = self._ends[job_id]
        reasons += [payload["reason"]] if "reason" in payload else []
        finished.set()
        self.wait(job_id)

    def wait(self, job_id: str) -> None:
        """Wait until the worker has let go of the job."""
        if not wait_until(lambda: not self._threads[job_id].is_alive(), SOON):
            raise TimeoutError(f"the worker still holds {job_id}")

    def log_events(self, job_id: str, payload: Payload) -> list[str]:
        """Log events; return their ids."""
        now = int(time.time())
        return [
            self._context.store.events.append(job_id, Event(created_at=now, **event)) for event in payload["events"]
        ]

    def save_checkpoints(self, job_id: str, payload: Payload) -> None:
        """Record checkpoints at some steps."""
        for step in payload["steps"]:
            checkpoint = Checkpoint(step=step, created_at=int(time.time()), train_loss=2.0, dev_loss=3.0)
            self._context.store.jobs.add_checkpoint(job_id, checkpoint)

    def finish(self, payload: Payload) -> dict[str, str | None]:
        """Make a job that has succeeded with a model; return both names."""
        job = finish_with_model(self._context, make_id(JOB_PREFIX, time.time()), payload["suffix"])
        return {"job": job.id, "model": job.fine_tuned_model}
