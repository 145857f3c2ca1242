"""Data preparation's one task."""

from __future__ import annotations

from scriptorium.artifacts.dataset import QUALITY_PAGE
from scriptorium.artifacts.file_store import Files
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase, PrepareResult
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.data.prepare import prepare_manuscript

app = queue.app()


def learn(job: Job, result: PrepareResult, volume: Volume) -> dict[str, object]:
    """Offer the page about the data as a result file, while the model still trains."""
    page = volume.folder(job.id, Phase.PREPARE) / QUALITY_PAGE
    return {"result_files": Files(volume.files).offer({f"{job.id}-{page.name}": page})}


@app.task(name=queue.PREPARE)
def prepare(job_id: str) -> None:
    """Prepare one job's manuscript."""
    run_phase(job_id, Phase.PREPARE, prepare_manuscript, learn=learn)
