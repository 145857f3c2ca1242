"""Bodies as the API answers them, for tests of the commands that show them."""

from __future__ import annotations

from typing import Any

JOB, OTHER_JOB = f"ftjob-{'1' * 24}", f"ftjob-{'2' * 24}"
FILE = f"file-{'3' * 24}"


def make_job(job_id: str = JOB, status: str = "running", **extension: Any) -> dict[str, Any]:
    """Return a job; what is not named is that of a job without anything special."""
    return {
        "id": job_id, "status": status, "model": "tiny", "fine_tuned_model": None, "training_file": FILE,
        "created_at": 1_700_000_000, "finished_at": None, "estimated_finish": None, "error": None,
        "hyperparameters": {"n_epochs": 3, "batch_size": 8},
        "scriptorium": {"decision": None, "pause_requested": False, "priority": 0, "queue_position": None,
                        "progress": {}, "phase": "train", "recipe": "cpu", "pages": None, "tags": [],
                        "cloned_from": None, **extension},
    }  # fmt: skip


def page(*entries: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    """Return a page of a list."""
    return {
        "object": "list",
        "data": list(entries),
        "has_more": has_more,
        "last_id": entries[-1]["id"] if entries else "",
    }
