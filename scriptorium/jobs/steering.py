"""Steering: what a user may ask of a job that has not ended. Cancel ends it, pause stops it, resume lets it go on.

A request is a field of the job's record. From then on no worker can claim the job, and one that holds it stops. It is
carried out once nobody holds the job: by the call itself, by the worker that let go of it, or by the reaper.
"""

from __future__ import annotations

from scriptorium.contracts import Job, Status
from scriptorium.errors import Cancelled, Conflict, Paused, Stopped
from scriptorium.jobs.pipeline import Pipeline, pause_now, sent_now
from scriptorium.jobs.records import update_record
from scriptorium.store.leases import phase_lease


def cancel_job(pipeline: Pipeline, job_id: str) -> Job:
    """Ask a job to stop; one that is paused or that no worker holds ends at once.

    From then on an attempt's every change of the record raises Cancelled. Raises Conflict if the job has already ended.
    """

    def request_cancel(job: Job) -> Job:
        check_active(job)
        return job.model_copy(update={"cancel_requested": True})

    job = update_record(pipeline.store, pipeline.volume, job_id, request_cancel)
    paused = job.status is Status.PAUSED  # whoever holds it now has asked its question and only lets go
    return pipeline.cancel(job_id) if paused or not has_worker(pipeline, job) else job


def pause_job(pipeline: Pipeline, job_id: str) -> Job:
    """Ask a job to pause; one that no worker holds is paused at once, another one when its worker has saved its work.

    A job that waits for an answer waits for its resume as well from then on. Raises Conflict if the job has already
    ended.
    """

    def request_pause(job: Job) -> Job:
        check_active(job)
        return job.model_copy(update={"pause_requested": True})

    update_record(pipeline.store, pipeline.volume, job_id, request_pause)
    return settle_pause(pipeline, job_id)


def settle_pause(pipeline: Pipeline, job_id: str) -> Job:
    """Pause a job that is to be paused, unless a worker still holds it; return it as it is now."""

    def change(job: Job) -> Job:
        if not job.pausing:
            raise Conflict(f"{job_id} is not to be paused any more.")
        return pause_now(job)

    job = pipeline.store.jobs.get(job_id)
    if not job.pausing or has_worker(pipeline, job):
        return job
    try:
        job = update_record(pipeline.store, pipeline.volume, job_id, change)
    except Conflict:
        return pipeline.store.jobs.get(job_id)
    for device in pipeline.store.leases.devices():
        pipeline.store.leases.leave_queue(device, job_id)  # nobody waits behind a job that does not want a device
    pipeline.log_pause(job)
    return job


def resume_job(pipeline: Pipeline, job_id: str) -> Job:
    """Let a paused job go on, at its old place by rank; a job that is not paused stays as it is.

    If its worker has not stopped yet, it just works on, or the reaper sends the phase again. Raises Conflict if the job
    has ended or waits for an answer.
    """
    was_paused = False

    def change(job: Job) -> Job:
        nonlocal was_paused
        check_active(job)
        if job.open_decision:
            next_step = f"Answer it: `scriptorium decide {job_id}`."
            raise Conflict(f"{job_id} waits for an answer to {job.open_decision.kind}.", next_step=next_step)
        was_paused = job.status is Status.PAUSED
        resumed = job.model_copy(update={"pause_requested": False})
        return sent_now(resumed, Status.QUEUED) if was_paused else resumed

    job = update_record(pipeline.store, pipeline.volume, job_id, change)
    if was_paused:
        pipeline.log_event(job, "The job was resumed.")
        pipeline.send_again(job_id, job.phase)
    return job


def requested_stop(job: Job) -> Stopped | None:
    """Return what the user asks of whoever works on a job; a pause that was taken back is none."""
    if job.cancel_requested:
        return Cancelled("the job was cancelled")
    return Paused("the job is to pause") if job.pause_requested else None


def check_active(job: Job) -> None:
    """Raise Conflict if a job has ended."""
    if job.status.final:
        raise Conflict(f"The job has already ended: {job.status}.", param="fine_tuning_job_id")


def has_worker(pipeline: Pipeline, job: Job) -> bool:
    """Return whether a worker holds the job's phase."""
    return pipeline.store.leases.holder(phase_lease(job.id, job.phase)) is not None
