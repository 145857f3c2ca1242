"""Merging's one task."""

from __future__ import annotations

from scriptorium import queue
from scriptorium.contracts import Phase
from scriptorium.phase import run_phase
from services.merger.hand_on import hand_on
from services.merger.merge import merge_adapter

app = queue.app()


@app.task(name=queue.MERGE)
def merge(job_id: str) -> None:
    """Merge one job's adapter into its base."""
    run_phase(job_id, Phase.MERGE, merge_adapter, hand_on=hand_on)
