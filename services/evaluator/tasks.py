"""Evaluation's one task."""

from __future__ import annotations

from scriptorium.artifacts.file_store import Files
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import EvaluateResult, Job, Phase
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.generation.resume import hand_on

app = queue.app()


def learn(job: Job, result: EvaluateResult, volume: Volume) -> dict[str, object]:
    """Offer the report and the loss curve as result files; the model's name counts only now."""
    training, report = volume.folder(job.id, Phase.TRAIN), volume.folder(job.id, Phase.EVALUATE)
    paths = (training / "metrics.csv", report / "report.json", report / "report.html")
    offered = Files(volume.files).offer({f"{job.id}-{path.name}": path for path in paths})
    earlier = [file for file in job.result_files if file not in offered]
    return {"result_files": [*offered, *earlier], "fine_tuned_model": job.tuned_name}


@app.task(name=queue.EVALUATE)
def evaluate(job_id: str) -> None:
    """Compare one job's tuned model with its base."""
    run_phase(job_id, Phase.EVALUATE, evaluate_voice, hand_on=hand_on, learn=learn)
