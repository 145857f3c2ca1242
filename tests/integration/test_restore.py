"""A job's record comes back from the volume, whatever state it was in, and one broken record stops no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from standins import Sent
from work import DONE, QUESTION, event_messages, never, prepare, submit

from scriptorium.artifacts import manifest
from scriptorium.contracts import (
    Checkpoint,
    Job,
    JobError,
    Phase,
    Status,
    TrainResult,
)
from scriptorium.jobs.pipeline import TABLE, waiting_status
from scriptorium.jobs.records import update_record
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim, run_phase
from services.api.application import reap_once

ENDS = {
    Status.SUCCEEDED: {"finished_at": 9, "fine_tuned_model": "ft", "result_files": ["file-1"], "trained_tokens": 7},
    Status.FAILED: {"finished_at": 9, "error": JobError(code="out_of_memory", message="too large")},
    Status.CANCELLED: {"finished_at": 9, "cancel_requested": True},
    Status.PAUSED: {"decisions": {QUESTION.kind: QUESTION}, "excused": {Phase.PREPARE: 1}},
}
STATES = [(status, phase) for status in Status for phase in Phase]


def change_job(context: Context, job: Job, **changes: object) -> Job:
    return update_record(context.store, context.volume, job.id, lambda record: record.model_copy(update=changes))


def flush_and_restore(context: Context) -> list[str]:
    context.store.client.flushdb()
    return restore_jobs(context)


@pytest.mark.parametrize(("status", "phase"), STATES, ids=lambda value: value.value)
def test_a_job_is_restored_from_every_state(
    context: Context, job: Job, sent: Sent, status: Status, phase: Phase
) -> None:
    changed = change_job(context, job, status=status, phase=phase, attempts={phase: 1}, **ENDS.get(status, {}))
    sent.messages.clear()
    assert flush_and_restore(context) == [job.id]
    assert context.store.jobs.get(job.id) == changed == context.volume.saved_job(job.id)
    assert context.store.jobs.index.ids() == [job.id]
    assert context.store.jobs.index.counts().statuses == {status.value: 1}
    assert event_messages(context, job.id) == ["The job's record was restored from the volume."]
    reap_once(context, sent.waiting)
    resent = [] if status.final or status is Status.PAUSED else [(TABLE[phase].task, job.id)]
    assert sent.messages == resent
    assert [active.id for active in context.store.jobs.active()] == ([] if status.final else [job.id])
    assert restore_jobs(context) == []


@pytest.mark.parametrize("phase", Phase)
def test_a_restored_job_goes_on_with_the_next_attempt(context: Context, job: Job, phase: Phase) -> None:
    change_job(context, job, status=waiting_status(phase), phase=phase, attempts={phase: 1})
    flush_and_restore(context)
    lease = claim(context, job.id, phase)
    assert lease is not None
    assert lease.token == 2


def test_a_cancelled_job_stays_cancelled(context: Context, job: Job, sent: Sent) -> None:
    late = context.store.jobs.get(job.id)
    context.pipeline.cancel(job.id)
    context.volume.save_job(late)
    flush_and_restore(context)
    reap_once(context, sent.waiting)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED
    run_phase(job.id, Phase.PREPARE, never, context=context)


def test_a_requested_cancel_is_carried_out_after_the_loss_of_redis(context: Context, job: Job, sent: Sent) -> None:
    change_job(context, job, cancel_requested=True)
    flush_and_restore(context)
    reap_once(context, sent.waiting)
    assert context.store.jobs.get(job.id).status is Status.CANCELLED


def test_an_answer_survives_the_loss_of_redis(context: Context, job: Job, sent: Sent) -> None:
    change_job(context, job, status=Status.PAUSED, phase=Phase.MERGE, decisions={QUESTION.kind: QUESTION})
    context.pipeline.answer(job.id, QUESTION.kind, "first")
    sent.messages.clear()
    flush_and_restore(context)
    restored = context.store.jobs.get(job.id)
    assert (restored.status, restored.decisions[QUESTION.kind].answer) == (Status.RUNNING, "first")
    reap_once(context, sent.waiting)
    assert sent.messages == [(TABLE[Phase.MERGE].task, job.id)]


def test_a_phase_published_before_the_loss_is_advanced_not_repeated(context: Context, job: Job) -> None:
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    context.volume.publish(job.id, Phase.PREPARE, folder, {"seconds": 1, "result": DONE.model_dump(mode="json")})
    flush_and_restore(context)
    run_phase(job.id, Phase.PREPARE, never, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN


def test_a_record_of_an_earlier_version_without_a_number_is_restored(context: Context, job: Job) -> None:
    path = context.volume.run(job.id) / "job.json"
    body = json.loads(path.read_text())
    del body["version"]
    path.write_text(json.dumps(body))
    assert flush_and_restore(context) == [job.id]
    assert context.store.jobs.get(job.id).version == 0
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    assert context.volume.saved_job(job.id) == context.store.jobs.get(job.id)


def test_one_broken_record_stops_no_other(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("ftjob-1", "ftjob-2", "ftjob-3"):
        submit(context, name)
    broken = context.volume.run("ftjob-2") / "job.json"
    broken.write_text("")
    assert sorted(flush_and_restore(context)) == ["ftjob-1", "ftjob-3"]
    assert str(broken) in caplog.text


def test_a_record_that_is_broken_in_both_places_stops_no_other(context: Context, job: Job) -> None:
    submit(context, "ftjob-2")
    (context.volume.run(job.id) / "job.json").write_text("")
    context.store.client.set(f"scriptorium:job:{job.id}", "{")
    context.store.client.delete("scriptorium:job:ftjob-2")
    assert restore_jobs(context) == ["ftjob-2"]


def test_a_broken_record_is_written_again_while_the_store_has_it(context: Context, job: Job) -> None:
    (context.volume.run(job.id) / "job.json").write_text("")
    assert restore_jobs(context) == []
    assert context.volume.saved_job(job.id) == context.store.jobs.get(job.id)


def test_a_store_that_is_older_than_the_volume_is_brought_up_to_it(context: Context, job: Job) -> None:
    older = str(context.store.client.get(f"scriptorium:job:{job.id}"))
    context.pipeline.cancel(job.id)
    context.store.client.set(f"scriptorium:job:{job.id}", older)
    context.store.client.sadd("scriptorium:jobs:active", job.id)
    assert restore_jobs(context) == [job.id]
    assert context.store.jobs.get(job.id).status is Status.CANCELLED
    assert context.store.jobs.active() == []


def test_a_record_that_the_store_cannot_read_hides_no_other_and_is_restored(
    context: Context, job: Job, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    other = submit(context, "ftjob-2")
    context.store.client.set(f"scriptorium:job:{job.id}", "{")
    assert [active.id for active in context.store.jobs.active()] == [other.id]
    assert [listed.id for listed in context.store.jobs.iterate()] == [other.id]
    reap_once(context, sent.waiting)
    assert job.id in caplog.text
    assert restore_jobs(context) == [job.id]
    assert {active.id for active in context.store.jobs.active()} == {job.id, other.id}


def seal_checkpoint(training: Path, step: int, dev_loss: float) -> None:
    """Write a checkpoint as training leaves it."""
    folder = training / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter.safetensors").write_text("weights")
    manifest.write(folder, {"step": step, "created_at": step, "train_loss": 2.0, "dev_loss": dev_loss})


def test_the_checkpoints_of_a_training_that_was_interrupted_are_listed_again(context: Context, job: Job) -> None:
    change_job(context, job, phase=Phase.TRAIN, status=Status.RUNNING)
    seal_checkpoint(context.volume.attempt(job.id, Phase.TRAIN, 1), 5, 3.0)
    second = context.volume.attempt(job.id, Phase.TRAIN, 2)
    seal_checkpoint(second, 5, 2.5)
    seal_checkpoint(second, 10, 2.0)
    (second / "checkpoints" / "checkpoint-15").mkdir()  # half written
    flush_and_restore(context)
    checkpoints = context.store.jobs.checkpoints(job.id)
    assert [(checkpoint.step, checkpoint.dev_loss) for checkpoint in checkpoints] == [(10, 2.0), (5, 2.5)]


def test_the_checkpoints_of_a_published_training_are_listed_again(context: Context, job: Job) -> None:
    change_job(context, job, phase=Phase.MERGE, status=Status.RUNNING)
    checkpoints = [Checkpoint(step=step, created_at=1, dev_loss=2.0, selectivity=0.5) for step in (5, 10)]
    result = TrainResult(
        checkpoints=checkpoints, first_loss=3.0, last_loss=2.0, steps=10, trained_tokens=1, seconds=1.0
    )
    folder = context.volume.attempt(job.id, Phase.TRAIN, 1)
    context.volume.publish(job.id, Phase.TRAIN, folder, {"seconds": 1, "result": result.model_dump(mode="json")})
    flush_and_restore(context)
    assert context.store.jobs.checkpoints(job.id) == checkpoints[::-1]


def test_artifacts_of_another_version_stop_no_other_job(
    context: Context, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    folder = context.volume.attempt(job.id, Phase.TRAIN, 1)
    context.volume.publish(job.id, Phase.TRAIN, folder, {"result": {"pages": 7}})
    torn = context.volume.attempt(submit(context, "ftjob-2").id, Phase.TRAIN, 1) / "checkpoints" / "checkpoint-5"
    torn.mkdir(parents=True)
    manifest.write(torn, {"steps": 5})
    (context.volume.folder("ftjob-2", Phase.PREPARE)).mkdir()
    (context.volume.folder("ftjob-2", Phase.PREPARE) / "manifest.json").write_bytes(b"\xff\xfe")
    submit(context, "ftjob-3")
    assert sorted(flush_and_restore(context)) == ["ftjob-1", "ftjob-2", "ftjob-3"]
    assert "another version" in caplog.text
