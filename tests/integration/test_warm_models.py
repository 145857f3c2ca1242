"""Models that people keep warm are noted on the volume, and wished for again after the loss of Redis."""

from __future__ import annotations

import errno

import httpx
import pytest
from standins import BASE
from work import finish_with_model

from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context
from scriptorium.models import warm_models
from scriptorium.models.warm_models import read_warm_models
from services.api.inference.warm_models import restore_warm_models


def test_what_was_kept_warm_is_served_again_after_the_loss_of_redis(context: Context, http: httpx.Client) -> None:
    jobs = [finish_with_model(context, f"ftjob-{number}", "poe") for number in range(3)]
    names = [str(job.fine_tuned_model) for job in jobs]
    for job in jobs:
        context.volume.save_job(job)
    for name in (BASE, *names, f"{names[0]}@0.5"):
        assert http.post(f"/v1/x/models/{name}/warm").status_code == 200
    assert http.delete(f"/v1/x/models/{names[1]}/warm").status_code == 200
    delete_job(context, jobs[2].id)
    before = {wish.model for wish in context.store.wishes.all() if wish.pinned}
    assert {model.name for model in before} == {BASE, names[0], f"{names[0]}@0.5"}
    context.store.client.flushdb()
    restore_jobs(context)
    assert set(restore_warm_models(context)) == {model.name for model in before}
    assert {wish.model for wish in context.store.wishes.all() if wish.pinned} == before


def test_a_warm_model_that_is_gone_stops_no_other_and_is_forgotten(
    context: Context, http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    job = finish_with_model(context, "ftjob-0", "poe")
    for name in (BASE, job.fine_tuned_model):
        http.post(f"/v1/x/models/{name}/warm")
    context.store.client.flushdb()  # and nothing of the job was left to restore
    assert restore_warm_models(context) == [BASE]
    assert str(job.fine_tuned_model) in caplog.text
    assert read_warm_models(context.volume.root) == [BASE]
    (context.volume.root / "warm_models.json").write_text("{")
    assert restore_warm_models(context) == []


def test_a_job_is_deleted_although_the_disk_is_too_full_to_note_it(
    context: Context, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a full disk that jobs are deleted for."""
    job = finish_with_model(context, "ftjob-0", "poe")
    http.post(f"/v1/x/models/{job.fine_tuned_model}/warm")

    def fill(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(warm_models, "replace_file", fill)
        delete_job(context, job.id)
    assert not context.volume.run(job.id).exists()
    assert restore_warm_models(context) == read_warm_models(context.volume.root) == []
