"""The evaluator's two tasks: calibrating before merging, and the evaluation."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.training_log import TRAINING_CSV
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import EvaluateRequest, EvaluateResult, Job, Phase
from scriptorium.contracts.report.document import REPORT, REPORT_PAGE
from scriptorium.jobs import queue
from scriptorium.jobs.engine_sessions import open_evaluation_session
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.requests import RequestContext
from scriptorium.jobs.runner import Context, FollowedUp, open_context, run_phase
from services.evaluator.calibrate import calibrate_voice
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.follow_up.follow_up import follow_up_verdict
from services.evaluator.generation.resume import resume_evaluation
from services.evaluator.rewriting.samples import resume_rewrites

app = queue.app()


def record_updates(job: Job, result: EvaluateResult, volume: Volume) -> dict[str, object]:
    """Offer the report and the loss curve as result files, and give the job the name of its model.

    Reports of other rounds are offered under names with their round.
    """
    training, report = volume.folder(job.id, Phase.TRAIN), volume.folder(job.id, Phase.EVALUATE)
    paths = {f"{job.id}-{path.name}": path for path in (training / TRAINING_CSV, report / REPORT, report / REPORT_PAGE)}
    for number, folder in volume.rounds(job.id, Phase.EVALUATE).items():
        paths |= {f"{job.id}-round-{number}-{name}": folder / name for name in (REPORT, REPORT_PAGE)}
    files = FileStore(volume.files, job.created_by)
    offered = files.add_results(paths)
    earlier = [file for file in files.existing(job.result_files) if file not in offered]
    return {"result_files": [*offered, *earlier], "fine_tuned_model": job.tuned_name}


def follow_up(context: Context, job: Job, result: EvaluateResult, reporter: Reporter) -> FollowedUp:
    """Follow the verdict up; where the job ends, its own model is served on, and other merged models are removed."""
    request_context = RequestContext(context.settings, context.volume)
    followed_up = follow_up_verdict(job, result, request_context, reporter)
    if followed_up.turn is None and job.measured:
        open_evaluation_session(context.store, job, request_context)
        context.volume.discard_rounds(job.id, Phase.MERGE)
    return followed_up


def resume(earlier: list[Path], folder: Path) -> None:
    """Take over what earlier attempts have written."""
    resume_evaluation(earlier, folder)
    resume_rewrites(earlier, folder)


@app.task(name=queue.CALIBRATE)
def calibrate(job_id: str) -> None:
    """Choose one job's checkpoint and strength; it needs no device, so another job may train meanwhile."""
    run_phase(job_id, Phase.CALIBRATE, calibrate_voice)


@app.task(name=queue.EVALUATE)
def evaluate(job_id: str) -> None:
    """Compare one job's tuned model with its base."""
    context = open_context()

    def work(request: EvaluateRequest, folder: Path, reporter: Reporter) -> EvaluateResult:
        job = context.store.jobs.get(job_id)
        locate = open_evaluation_session(context.store, job, RequestContext(context.settings, context.volume))
        return evaluate_voice(request, folder, reporter, locate=locate)

    run_phase(
        job_id,
        Phase.EVALUATE,
        work,
        resume=resume,
        record_updates=record_updates,
        follow_up=partial(follow_up, context),
        context=context,
    )
