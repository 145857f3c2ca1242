"""The server's one task."""

from __future__ import annotations

from scriptorium.contracts import Phase
from scriptorium.jobs import queue
from scriptorium.jobs.runner import run_phase
from services.server.serve import serve_model

app = queue.app()


@app.task(name=queue.SERVE)
def serve(job_id: str) -> None:
    """Serve one job's tuned model beside its base."""
    run_phase(job_id, Phase.SERVE, serve_model)
