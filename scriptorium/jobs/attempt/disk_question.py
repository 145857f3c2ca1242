"""What becomes of a phase that finds the disk full: a person is asked, because only a person can free some."""

from __future__ import annotations

from scriptorium.contracts import GO_ON_ANSWER, STOP_ANSWER, Decision, DecisionKind, Job, Option
from scriptorium.errors import DiskFull


def make_disk_question(error: DiskFull, next_start: str) -> Decision:
    """Make the question; `next_start` says where the job goes on."""
    return Decision(
        kind=DecisionKind.DISK_FULL,
        question="There is no space left. Go on once some is free?",
        reason=error.message,
        options=[
            Option(name=GO_ON_ANSWER, meaning=f"go on {next_start}: some space was freed"),
            Option(name=STOP_ANSWER, meaning="end the job"),
        ],
        recommended=GO_ON_ANSWER,
    )


def is_stopped(job: Job) -> bool:
    """Return whether the answer to the latest such question was to end the job."""
    decision = job.decisions.get(DecisionKind.DISK_FULL)
    return decision is not None and decision.answer == STOP_ANSWER
