"""Deleting a job on a real Redis-compatible server and volume: nothing of it is left, and nothing else is lost."""

from __future__ import annotations

import asyncio
import io
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import Sent
from work import SECOND, lose_lease, submit

from scriptorium.artifacts.file_store import RESULT, FileStore
from scriptorium.contracts import Checkpoint, Job, Phase, Status
from scriptorium.errors import Conflict, JobMissing
from scriptorium.jobs.archive.archiving import archive_ended
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim
from scriptorium.jobs.sweep import sweep
from scriptorium.store import NO_EVENT
from scriptorium.store.serving import WantedModel
from services.api.fine_tuning.event_feed import EventFeed
from services.api.fine_tuning.events import Follower

MEBIBYTE = 1 << 20


def finish(context: Context, job: Job, **changes: Any) -> Job:
    """Let a job end, with a merged model whose weights are also a result file, and an unfinished attempt."""
    merged = context.volume.folder(job.id, Phase.MERGE)
    merged.mkdir(parents=True)
    (merged / "model.safetensors").write_bytes(os.urandom(MEBIBYTE))
    unfinished = context.volume.attempt(job.id, Phase.SERVE, 1)
    (unfinished / "shard").write_bytes(os.urandom(MEBIBYTE))
    files = FileStore(context.volume.files).add_results(
        {f"{job.id}-merged-model.safetensors": merged / "model.safetensors"}
    )
    context.store.jobs.add_checkpoint(job.id, Checkpoint(step=5, created_at=1))
    context.store.jobs.set_progress(job.id, {"step": 5})
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"result_files": files, **changes}))
    return context.pipeline.cancel(job.id)


def traces(context: Context, job_id: str) -> list[str]:
    """Return what Redis and the volume still have of a job, by name."""
    keys = sorted(str(key) for key in context.store.client.keys(f"*{job_id}*"))  # Redis gives them in any order
    files = [str(path) for path in context.volume.root.rglob(f"*{job_id}*")]
    return (
        keys + files + [file.filename for file in FileStore(context.volume.files).newest() if job_id in file.filename]
    )


def disk_use(context: Context) -> int:
    """Return the bytes of runs and files, as du counts them: a file with two names counts once."""
    files = [path.stat() for path in context.volume.root.rglob("*") if path.name not in {"runs", "files"}]
    return sum({status.st_ino: status.st_blocks * 512 for status in files}.values())


def test_the_bytes_of_a_deleted_job_are_free(context: Context, job: Job, tmp_path: Path) -> None:
    finish(context, job)
    merged = context.volume.folder(job.id, Phase.MERGE) / "model.safetensors"
    assert merged.stat().st_nlink == 2  # removing the run's folder alone would free nothing
    before = disk_use(context)
    with merged.open("rb") as weights:
        deleted = delete_job(context, job.id)
        assert os.fstat(weights.fileno()).st_nlink == 0
    assert 2 * MEBIBYTE <= deleted.freed_bytes == before - disk_use(context)
    assert traces(context, job.id) == []
    assert restore_jobs(context) == []
    assert reap(context, lambda task: 0) == []


def test_the_manuscript_stays_unless_it_is_named(context: Context, job: Job) -> None:
    finish(context, job)
    assert delete_job(context, job.id).remaining_files == [job.training_file]
    assert FileStore(context.volume.files).content(job.training_file).exists()


def test_the_manuscript_goes_with_its_last_job(context: Context, job: Job) -> None:
    files = FileStore(context.volume.files)
    authors = files.add(io.BytesIO(b"PK"), "authors.zip", "fine-tune").id
    finish(context, job, impostors=authors)
    other = context.pipeline.submit(job.model_copy(update={"id": "ftjob-2", "impostors": None}))
    assert delete_job(context, job.id, manuscript=True).remaining_files == [job.training_file]
    assert [file.id for file in files.newest()] == [job.training_file]
    finish(context, other)
    assert delete_job(context, other.id, manuscript=True).remaining_files == []
    assert files.newest() == []


@pytest.mark.parametrize("status", [status for status in Status if not status.final])
def test_a_job_that_has_not_ended_is_not_deleted(context: Context, job: Job, status: Status) -> None:
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"status": status}))
    before = traces(context, job.id)
    with pytest.raises(Conflict, match="has not ended") as caught:
        delete_job(context, job.id)
    assert "scriptorium cancel" in (caught.value.next_step or "")
    assert traces(context, job.id) == before


def test_a_job_whose_worker_is_still_stopping_is_not_deleted(context: Context, job: Job) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    context.pipeline.cancel(job.id)
    with pytest.raises(Conflict, match="worker"):
        delete_job(context, job.id)
    lose_lease(context, job, Phase.PREPARE)
    delete_job(context, job.id)


def test_a_worker_that_comes_back_later_has_lost_its_lease(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease is not None
    context.pipeline.cancel(job.id)
    lose_lease(context, job, Phase.PREPARE)
    delete_job(context, job.id)
    assert not context.store.leases.renew(lease, SECOND)
    assert claim(context, job.id, Phase.PREPARE) is None


def test_of_two_deletions_at_once_one_deletes(context: Context, job: Job) -> None:
    finish(context, job)

    def try_once(_: int) -> str:
        try:
            delete_job(context, job.id)
        except JobMissing:
            return "missing"
        return "deleted"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(try_once, range(8))) == ["deleted", *["missing"] * 7]
    assert traces(context, job.id) == []


def test_a_deletion_and_a_sweep_at_once_leave_nothing(context: Context) -> None:
    for number in range(10):
        job = submit(context, f"ftjob-{number}a")
        finish(context, job)
        with ThreadPoolExecutor(3) as pool:
            sweeps = [pool.submit(sweep, context, grace=timedelta(0)) for _ in range(2)]
            pool.submit(delete_job, context, job.id).result()
            for future in sweeps:
                future.result()
        assert traces(context, job.id) == []


def test_lists_are_readable_while_jobs_are_deleted(http: httpx.Client, context: Context) -> None:
    jobs = [finish(context, submit(context, f"ftjob-{number}b")) for number in range(12)]
    with ThreadPoolExecutor(2) as pool:
        deletions = pool.map(lambda job: delete_job(context, job.id, manuscript=True), jobs)
        for _ in range(25):
            for path in ("/v1/fine_tuning/jobs", "/v1/files", "/metrics"):
                assert http.get(path).status_code == 200, path
        assert len(list(deletions)) == len(jobs)
    assert http.get("/v1/files").json()["data"] == []


def test_the_stream_of_a_job_that_was_deleted_ends(context: Context) -> None:
    async def read() -> list[str]:
        follower = Follower(context, EventFeed(context.store), "ftjob-none", NO_EVENT)
        return [part async for part in follower.stream()]

    assert asyncio.run(read()) == []


def test_the_stream_of_a_job_that_is_deleted_meanwhile_ends(context: Context, job: Job) -> None:
    async def read() -> list[str]:
        follower = Follower(context, EventFeed(context.store), job.id, NO_EVENT)
        parts = []
        async for part in follower.stream():
            parts.append(part)
            if len(parts) == 1:
                await asyncio.to_thread(lambda: delete_job(context, finish(context, job).id))
        return parts

    assert not any("event: done" in part for part in asyncio.run(read()))


def test_a_deleted_job_leaves_counts_and_archive(context: Context, job: Job) -> None:
    finish(context, job)
    other = finish(context, submit(context, "ftjob-2"))
    assert archive_ended(context, timedelta(0)) == [job.id, other.id]
    assert context.volume.events(job.id).exists()
    delete_job(context, job.id)
    assert context.store.jobs.index.counts().statuses == {"cancelled": 1}
    assert traces(context, job.id) == []


def test_a_job_that_disappears_while_it_is_listed_is_left_out(
    http: httpx.Client, context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = finish(context, submit(context, "ftjob-2"))
    index = context.store.jobs.index
    read_page, pages = index.page, [index.page(20)]
    delete_job(context, other.id)
    monkeypatch.setattr(index, "page", lambda *args: pages.pop() if pages else read_page(*args))  # read just before
    assert [body["id"] for body in http.get("/v1/fine_tuning/jobs").json()["data"]] == [job.id]


def test_a_file_that_disappears_while_it_is_listed_is_left_out(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = [*context.volume.files.glob("file-*/file.json"), context.volume.files / "file-gone" / "file.json"]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: listed)
    assert [file.id for file in FileStore(context.volume.files).newest()] == [job.training_file]


def test_what_is_written_late_is_swept_and_not_restored(context: Context, job: Job) -> None:
    ended = finish(context, job)
    delete_job(context, job.id)
    context.volume.save_job(ended)  # by a process that had changed the record just before
    context.pipeline.log_event(ended, "The job was cancelled.")
    FileStore(context.volume.files).add_path(
        context.volume.run(job.id) / "job.json", f"{job.id}-merged-late", RESULT
    )  # by a worker that was overtaken
    assert restore_jobs(context) == []
    sweep(context)
    assert traces(context, job.id) == []


def test_a_deletion_that_was_interrupted_is_finished_by_the_sweeper(context: Context, job: Job) -> None:
    finish(context, job)
    model = WantedModel(name="merged", folder=str(context.volume.folder(job.id, Phase.MERGE)))
    context.store.wishes.ask(model)
    context.store.deletions.delete(job.id)  # and the process ends here
    assert traces(context, job.id) != []
    sweep(context)
    assert traces(context, job.id) == []
    assert context.store.wishes.all() == []


def test_a_deletion_is_forgotten_after_a_while(context: Context, job: Job) -> None:
    finish(context, job)
    delete_job(context, job.id)
    assert context.store.deletions.ids() == [job.id]
    context.store.deletions.forget(older_than=timedelta(0))
    assert context.store.deletions.ids() == []


def test_the_models_of_a_deleted_job_are_no_longer_wanted(context: Context, job: Job) -> None:
    finish(context, job)
    run = context.volume.run(job.id)
    wanted = [
        WantedModel(name="base", folder="/models/base"),
        WantedModel(name="adapter", folder="/models/base", adapter=str(run / "training")),
        WantedModel(name="merged", folder=str(run / "merged")),
        WantedModel(name="other", folder=f"{run}0/merged"),
    ]
    for model in wanted:
        context.store.wishes.ask(model)
    delete_job(context, job.id)
    assert {wish.model.name for wish in context.store.wishes.all()} == {"base", "other"}


def test_a_job_is_deleted_over_http_once(http: httpx.Client, context: Context, job: Job, sent: Sent) -> None:
    path = f"/v1/fine_tuning/jobs/{job.id}"
    refused = http.delete(path)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    finish(context, job)
    answer = http.delete(path, params={"manuscript": True})
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("scriptorium")["freed_bytes"] >= 2 * MEBIBYTE
    assert body == {"id": job.id, "object": "fine_tuning.job", "deleted": True}
    assert http.delete(path).json()["error"]["code"] == "job_not_found"
    assert http.get(path).json()["error"]["code"] == "job_not_found"
    assert http.get("/v1/files").json()["data"] == []
