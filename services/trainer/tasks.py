"""The trainer's one task."""

from __future__ import annotations

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase, TrainResult
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.trainer.run.resume import resume_training
from services.trainer.train import train_adapter

app = queue.app()


def record_updates(job: Job, result: TrainResult, volume: Volume) -> dict[str, object]:
    """Return what a training adds to the job's record."""
    return {"trained_tokens": result.trained_tokens}


@app.task(name=queue.TRAIN)
def train(job_id: str) -> None:
    """Train one job's adapter."""
    run_phase(job_id, Phase.TRAIN, train_adapter, resume=resume_training, record_updates=record_updates, needs_gpu=True)
