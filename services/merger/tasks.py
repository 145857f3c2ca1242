"""The merger's tasks: a job's merge, and the variants of finished jobs that somebody asks for."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder
from scriptorium.artifacts.file_store import ADAPTER, MERGED, FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, MergeResult, Phase
from scriptorium.jobs import queue
from scriptorium.jobs.runner import open_context, run_phase
from scriptorium.models.scaled_adapter import adapter_files
from services.merger.merge import merge_adapter
from services.merger.variants import make_wished
from services.merger.writing.resume import resume_merge

app = queue.app()


def record_updates(job: Job, result: MergeResult, volume: Volume) -> dict[str, object]:
    """Offer adapter, merged model and exports as result files, one by one, so that each download can be resumed."""
    merged = volume.folder(job.id, Phase.MERGE)
    trained = checkpoint_folder(volume.folder(job.id, Phase.TRAIN), result.step)
    adapter = trained if result.strength == 1 else merged / SCALED_ADAPTER
    paths = {f"{job.id}-{ADAPTER}{path.name}": path for path in adapter_files(adapter)}
    paths |= {f"{job.id}-{MERGED}{path.name}": path for path in sorted(merged.iterdir()) if path.is_file()}
    paths.pop(f"{job.id}-{MERGED}{manifest.NAME}", None)
    paths |= {f"{job.id}-{Path(name).name}": merged / name for name in result.exports}
    files = FileStore(volume.files, job.created_by)
    offered = files.add_results(paths)
    return {"result_files": [*(file for file in files.existing(job.result_files) if file not in offered), *offered]}


@app.task(name=queue.MERGE)
def merge(job_id: str) -> None:
    """Merge one job's adapter into its base."""
    run_phase(job_id, Phase.MERGE, merge_adapter, resume=resume_merge, record_updates=record_updates)


@app.task(name=queue.VARIANTS)
def make_variants(job_id: str) -> None:
    """Make the checkpoints and strengths of one job that chat wishes for."""
    make_wished(open_context(), job_id)
