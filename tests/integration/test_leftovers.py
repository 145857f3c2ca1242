"""Leftovers on a real volume with a real store: what is pruned, what is swept, and above all what stays."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import BASE, Sent, serving
from work import SOON, lose_lease, prepare, submit

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import Decision, DecisionKind, Job, JobError, Option, Phase, Status
from scriptorium.errors import JobMissing
from scriptorium.jobs.delete_job import delete_job
from scriptorium.jobs.leftovers import (
    LeftoverKind,
    find_leftovers,
    keep_reasons,
    prune,
    saved_records,
    stored_records,
)
from scriptorium.jobs.runner import Context, claim, run_phase
from scriptorium.jobs.sweep import sweep
from scriptorium.process.child import wait_until
from services.api.application import create_app

DAYS = 24 * 3600.0
MEBIBYTE = 1 << 20
NOW = timedelta(0)


def age(path: Path, seconds: float) -> None:
    """Make a file, or a folder and everything in it, look as if it had been written long ago."""
    for entry in [*path.rglob("*"), path]:
        os.utime(entry, (time.time() - seconds,) * 2, follow_symlinks=False)


def attempt(context: Context, job: Job, phase: Phase, number: int = 1) -> Path:
    """Make the folder of an attempt, with a file and a log."""
    folder = context.volume.attempt(job.id, phase, number)
    (folder / "shard").write_bytes(os.urandom(MEBIBYTE))
    (folder / "axolotl.log").write_text("the reason\n")
    return folder


def leftovers(context: Context) -> list[Path]:
    """Return every leftover."""
    kinds = find_leftovers(context.volume, stored_records(context.store), context.settings)
    return [path for paths in kinds.values() for path in paths]


def test_a_cancelled_job_does_not_keep_its_temporary_folders(context: Context, job: Job) -> None:
    folder = attempt(context, job, Phase.MERGE)
    context.pipeline.cancel(job.id)
    sweep(context)
    assert folder.exists()  # for a while, for whoever wants to look
    assert sweep(context, grace=NOW) >= MEBIBYTE
    assert not folder.exists()
    assert context.volume.run(job.id).exists()


def test_a_failed_jobs_logs_stay(context: Context, job: Job) -> None:
    folder = attempt(context, job, Phase.PREPARE)
    assert claim(context, job.id, Phase.PREPARE) is not None
    context.pipeline.fail(job.id, Phase.PREPARE, 1, JobError(code="training_failed", message="No."))
    lose_lease(context, job, Phase.PREPARE)
    sweep(context, grace=NOW)
    assert not folder.exists()
    assert (context.volume.run(job.id) / "prepare.1.axolotl.log").read_text() == "the reason\n"


def test_the_folder_of_a_worker_that_is_still_stopping_stays(context: Context, job: Job) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    folder = attempt(context, job, Phase.PREPARE)
    context.pipeline.cancel(job.id)
    sweep(context, grace=NOW)
    assert folder.exists()


@pytest.mark.parametrize("status", [status for status in Status if not status.final])
def test_a_job_that_may_continue_keeps_its_folders(context: Context, job: Job, status: Status) -> None:
    folder = attempt(context, job, Phase.PREPARE)
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"status": status}))
    age(context.volume.root, 30 * DAYS)
    sweep(context, grace=NOW)
    assert leftovers(context) == []
    assert folder.exists()


def test_a_job_that_waits_for_an_answer_keeps_its_folders(context: Context, job: Job) -> None:
    assert claim(context, job.id, Phase.PREPARE) is not None
    folder = attempt(context, job, Phase.PREPARE)
    option = Option(name="go_on", meaning="go on")
    question = Decision(
        kind=DecisionKind.DATA_QUALITY, question="Go on?", reason="", options=[option], recommended="go_on"
    )
    context.pipeline.ask(job.id, Phase.PREPARE, 1, question)
    lose_lease(context, job, Phase.PREPARE)
    age(context.volume.root, 30 * DAYS)
    sweep(context, grace=NOW)
    assert folder.exists()


def test_what_a_published_phase_left_is_swept_while_the_job_goes_on(context: Context, job: Job) -> None:
    run_phase(job.id, Phase.PREPARE, prepare, context=context)
    folder = attempt(context, job, Phase.PREPARE, 7)  # its worker died between publishing and discarding
    sweep(context, grace=NOW)
    assert not folder.exists()
    assert context.volume.published(job.id, Phase.PREPARE) is not None


def test_an_upload_that_was_killed_midway_is_swept_after_a_day(context: Context, job: Job) -> None:
    killed, recent = (context.volume.files / f"file-{digit * 24}" for digit in "ab")
    for folder in (killed, recent):
        folder.mkdir()
        (folder / "content").write_bytes(os.urandom(MEBIBYTE))
    age(killed, 2 * DAYS)
    age(context.volume.files / job.training_file, 100 * DAYS)
    assert sweep(context) >= MEBIBYTE
    assert not killed.exists()
    assert recent.exists()
    assert FileStore(context.volume.files).content(job.training_file).exists()


def test_an_upload_that_is_still_being_written_is_not_swept(context: Context) -> None:
    folder = context.volume.files / f"file-{'c' * 24}"
    folder.mkdir(parents=True)
    age(folder, 2 * DAYS)
    (folder / "content").write_bytes(b"x")
    os.utime(folder, (time.time() - 2 * DAYS,) * 2)
    sweep(context)
    assert folder.exists()


def test_a_run_that_nobody_knows_is_pruned_but_never_swept(context: Context, job: Job) -> None:
    orphan, foreign = context.volume.runs / "ftjob-none", context.volume.runs / "notes"
    for folder in (orphan, foreign):
        folder.mkdir()
        (folder / "weights").write_bytes(b"x")
    context.store.client.flushdb()  # the job can be restored
    age(context.volume.root, 2 * DAYS)
    sweep(context, grace=NOW)
    assert leftovers(context) == [orphan]
    prune(context.volume, stored_records(context.store), context.settings, dry_run=False)
    assert sorted(path.name for path in context.volume.runs.iterdir()) == [job.id, "notes"]


def test_compile_caches_and_old_logs_are_pruned(context: Context) -> None:
    logs, compiled = context.settings.logs, context.settings.cache / "vllm" / "torch_compile_cache"
    kernel = context.settings.cache / "triton" / "old"
    for path in (compiled / "old" / "rank_0" / "x.so", compiled / "new" / "x.so", logs / "api.log", logs / "api.log.1",
                 kernel / "x.so", logs / "vllm-old.log", logs / "vllm-new.log"):  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(5000))
    for path in (compiled / "old", kernel, logs / "api.log", logs / "vllm-old.log"):
        age(path, 8 * DAYS)
    pruned = {kind.kind: kind for kind in prune(context.volume, stored_records(context.store), context.settings,
                                                dry_run=True)}  # fmt: skip
    assert pruned[LeftoverKind.COMPILE_CACHES].paths == [compiled / "old", kernel]
    assert sorted(pruned[LeftoverKind.LOGS].paths) == [logs / "api.log.1", logs / "vllm-old.log"]
    assert pruned[LeftoverKind.LOGS].bytes >= 10000
    assert (compiled / "old").exists()
    prune(context.volume, stored_records(context.store), context.settings, dry_run=False)
    assert sorted(path.name for path in logs.iterdir()) == ["api.log", "vllm-new.log"]
    assert [path.name for path in compiled.iterdir()] == ["new"]


def test_without_a_store_the_records_of_the_volume_decide(context: Context, job: Job) -> None:
    unfinished = attempt(context, job, Phase.PREPARE)
    cancelled = attempt(context, submit(context, "ftjob-2"), Phase.PREPARE)
    context.pipeline.cancel("ftjob-2")
    prune(context.volume, saved_records(context.volume), context.settings, dry_run=False)
    assert unfinished.exists()
    assert not cancelled.exists()


def test_prunings_and_a_deletion_at_once_leave_nothing_half_removed(context: Context, job: Job) -> None:
    attempt(context, job, Phase.MERGE)
    context.pipeline.cancel(job.id)
    records = stored_records(context.store)
    with ThreadPoolExecutor(4) as pool:
        prunings = [pool.submit(prune, context.volume, records, context.settings, dry_run=False) for _ in range(3)]
        pool.submit(delete_job, context, job.id)
        for pruning in prunings:
            pruning.result()
    with pytest.raises(JobMissing):
        context.store.jobs.get(job.id)
    assert not context.volume.run(job.id).exists()


def test_pruning_over_http_says_what_it_frees_by_kind(http: httpx.Client, context: Context, job: Job) -> None:
    folder = attempt(context, job, Phase.MERGE)
    context.pipeline.cancel(job.id)
    answer: dict[str, Any] = http.post("/v1/x/prune", json={"dry_run": True}).json()
    assert (answer["object"], answer["dry_run"]) == ("prune", True)
    assert answer["freed_bytes"] >= MEBIBYTE
    kinds = {kind["kind"]: kind for kind in answer["kinds"]}
    assert set(kinds) == set(LeftoverKind)
    assert kinds["temporary_folders"]["paths"] == [str(folder.relative_to(context.volume.root))]
    assert folder.exists()
    assert http.post("/v1/x/prune").json()["freed_bytes"] == answer["freed_bytes"]
    assert not folder.exists()
    assert http.post("/v1/x/prune", json={"dry": 1}).json()["error"]["code"] == "invalid_request"


def is_gone(path: Path) -> bool:
    """Return whether nothing is there."""
    return not path.exists()


@pytest.fixture
def full(context: Context, sent: Sent) -> Iterator[httpx.Client]:
    """Serve the API on a disk with too little space, and yield a client."""
    settings = context.settings.model_copy(update={"min_free_bytes": 1 << 60})
    full = Context(settings, context.store, context.volume, context.pipeline)
    with (
        serving(create_app(full, reaping=False, count_waiting=sent.waiting)) as address,
        httpx.Client(base_url=address) as client,
    ):
        yield client


def test_a_disk_that_is_nearly_full_takes_no_new_work(full: httpx.Client, context: Context, job: Job) -> None:
    before = list(context.volume.files.iterdir())
    upload = full.post("/v1/files", data={"purpose": "fine-tune"}, files={"file": ("book.txt", b"x")})
    create = full.post("/v1/fine_tuning/jobs", json={"model": BASE, "training_file": job.training_file})
    for answer in (upload, create):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["type"]) == (507, "disk_low", "server_error")
        assert "scriptorium prune" in error["next_step"]
        assert answer.headers["x-should-retry"] == "false"
        assert answer.headers["x-request-id"]
    assert list(context.volume.files.iterdir()) == before
    assert [other.id for other in context.store.jobs.iterate()] == [job.id]


def test_on_such_a_disk_everything_else_still_works(full: httpx.Client, context: Context, job: Job) -> None:
    assert full.get("/v1/files").status_code == 200
    assert full.post(f"/v1/fine_tuning/jobs/{job.id}/cancel").status_code == 200
    assert full.post("/v1/x/prune").status_code == 200
    assert full.delete(f"/v1/fine_tuning/jobs/{job.id}").status_code == 200


def test_the_sweeper_runs_beside_the_reaper(context: Context, job: Job, sent: Sent) -> None:
    settings = context.settings.model_copy(update={"sweep_grace": NOW, "sweep_interval": timedelta(seconds=0.1)})
    sweeping = Context(settings, context.store, context.volume, context.pipeline)
    context.pipeline.cancel(job.id)
    running = submit(context, "ftjob-running")
    with serving(create_app(sweeping, count_waiting=sent.waiting)):
        for number in (1, 2):
            written = attempt(context, running, Phase.MERGE, number)  # in peace, because its job still runs
            folder = written.rename(context.volume.run(job.id) / written.name)
            assert wait_until(partial(is_gone, folder), SOON)


def test_a_folder_that_somebody_else_removes_meanwhile_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sweeps and a deletion come together; pathlib looks whether a folder is there, then reads it."""

    def find_it_gone(folder: Path, pattern: str) -> Iterator[Path]:
        raise FileNotFoundError(pattern)

    monkeypatch.setattr(Path, "glob", find_it_gone)
    keep_reasons(tmp_path / "serve.1.tmp")
