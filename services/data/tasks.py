"""The task of data preparation."""

from __future__ import annotations

from scriptorium.artifacts.dataset import QUALITY_PAGE
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase, PrepareResult
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.data.prepare import prepare_manuscript

app = queue.app()


def record_updates(job: Job, result: PrepareResult, volume: Volume) -> dict[str, object]:
    """Add the page about the data to the job's result files, while the model still trains."""
    page = volume.folder(job.id, Phase.PREPARE) / QUALITY_PAGE
    return {"result_files": FileStore(volume.files, job.created_by).add_results({f"{job.id}-{page.name}": page})}


@app.task(name=queue.PREPARE)
def prepare(job_id: str) -> None:
    """Prepare the manuscript of a job."""
    run_phase(job_id, Phase.PREPARE, prepare_manuscript, record_updates=record_updates)
