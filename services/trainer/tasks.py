"""Training's one task."""

from __future__ import annotations

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase, TrainResult
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.trainer.run.resume import hand_on
from services.trainer.train import train_adapter

app = queue.app()


def learn(job: Job, result: TrainResult, volume: Volume) -> dict[str, object]:
    """What the job's record should remember of a training."""
    return {"trained_tokens": result.trained_tokens}


@app.task(name=queue.TRAIN)
def train(job_id: str) -> None:
    """Train one job's adapter."""
    run_phase(job_id, Phase.TRAIN, train_adapter, hand_on=hand_on, learn=learn, needs_gpu=True)
