"""What a job's page shows beside its progress: its loss curve, log, findings and result files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scriptorium.artifacts.dataset import QUALITY
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.contracts import Event, EventType, Finding, Job, Phase, PrepareResult, Severity, StoredFile
from scriptorium.errors import FileMissing
from scriptorium.html.loss_curve import Curve, draw_curve
from scriptorium.html.training_losses import read_losses
from scriptorium.jobs.archive.event_log import EventLog
from scriptorium.jobs.runner import Context

READ_EVENTS, SHOWN_EVENTS = 400, 40  # most of a training's events are numbers, which the curve shows
SHOWN_FINDINGS = 20


@dataclass(frozen=True)
class LogPage:
    """A part of a job's log, newest first; `older` is the id of the event before which the next part ends, if any."""

    events: Sequence[Event]
    older: str | None


@dataclass(frozen=True)
class BookFindings:
    """The findings about a job's book, the gravest first, and how many more there are; `read` once it was read."""

    gravest: Sequence[Finding]
    more: int
    read: bool = True


def find_curve(job: Job, context: Context) -> Curve | None:
    """Draw the losses of a job's training, from wherever it has got to; None if there are none yet."""
    for folder in context.volume.outputs(job.id, Phase.TRAIN):
        losses = read_losses(folder / TRAINING_LOG)
        if losses.train or losses.dev:
            return draw_curve(losses)
    return None


def read_log(job: Job, context: Context, before: str | None = None) -> LogPage:
    """Return the newest messages of a job's log, or those before an event."""
    events = EventLog(context.store.events, context.volume).page(job.id, READ_EVENTS, before)
    messages = [event for event in events if event.type is EventType.MESSAGE]
    if len(messages) > SHOWN_EVENTS:
        return LogPage(messages[:SHOWN_EVENTS], messages[SHOWN_EVENTS - 1].id)
    return LogPage(messages, events[-1].id if len(events) == READ_EVENTS else None)


def list_findings(job: Job, context: Context) -> BookFindings:
    """Return what preparation has found about the book, also while a question about it is open."""
    quality = context.volume.output_file(job.id, Phase.PREPARE, QUALITY)
    if quality is None:
        return BookFindings([], 0, read=False)
    order = list(Severity)
    findings = PrepareResult.model_validate_json(quality.read_bytes()).findings
    gravest = sorted(findings, key=lambda finding: order.index(finding.severity))
    return BookFindings(gravest[:SHOWN_FINDINGS], max(0, len(gravest) - SHOWN_FINDINGS))


def list_files(job: Job, context: Context) -> list[StoredFile]:
    """Return a job's result files, without those that were deleted."""
    files = FileStore(context.volume.files)
    stored: list[StoredFile] = []
    for file_id in job.result_files:
        try:
            stored.append(files.get(file_id))
        except FileMissing:
            continue
    return stored
