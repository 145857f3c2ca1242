"""Which pages a job has by now."""

from __future__ import annotations

from scriptorium.contracts import DecisionKind, Job, Phase, Status


def list_pages(job: Job) -> list[str]:
    """Return the names of a job's pages.

    They are what was found in its manuscript, once that is known, its sample passages once it trains, and at the end
    its report and the blind reading.
    """
    prepared = job.phase is not Phase.PREPARE or DecisionKind.DATA_QUALITY in job.decisions
    return [
        *(["quality"] if prepared else []),
        *(["samples"] if Phase.TRAIN in job.attempts else []),
        *(["report", "read"] if job.status is Status.SUCCEEDED else []),
    ]
