"""Data preparation's one task."""

from __future__ import annotations

from scriptorium import queue
from scriptorium.contracts import Phase
from scriptorium.phase import run_phase
from services.data.prepare import prepare_manuscript

app = queue.app()


@app.task(name=queue.PREPARE)
def prepare(job_id: str) -> None:
    """Prepare one job's manuscript."""
    run_phase(job_id, Phase.PREPARE, prepare_manuscript)
