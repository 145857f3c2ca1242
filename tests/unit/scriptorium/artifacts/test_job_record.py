"""The job's record on the volume: durable, one writer at a time, never replaced by an older version."""

import errno
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.artifacts import job_record
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Hyperparameters, Job, Status
from scriptorium.errors import DiskFull
from scriptorium.recipe import Recipe

JOB = "ftjob-1"


def record(version: int, job_id: str = JOB, **changes: object) -> Job:
    job = Job(
        id=job_id,
        created_at=1,
        model="m",
        training_file="f",
        recipe=Recipe(name="r"),
        hyperparameters=Hyperparameters(),
        version=version,
    )
    return job.model_copy(update=changes)


def test_the_file_is_synced_before_the_rename_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        calls.append(("fsync", Path(f"/proc/self/fd/{descriptor}").readlink().name))
        fsync(descriptor)

    def record_replace(path: Path, target: Path) -> Path:
        calls.append(("replace", path.name))
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    Volume(tmp_path).save_job(record(1))
    names = [name for _, name in calls]
    assert [call for call, _ in calls] == ["fsync", "replace", "fsync", "fsync"]
    assert names[0] == names[1] != "job.json"
    assert names[2:] == [JOB, "runs"]  # the folder is new, and so is its name in the one above
    calls.clear()
    Volume(tmp_path).save_job(record(2))
    assert [call for call, _ in calls] == ["fsync", "replace", "fsync"]
    assert calls[0][1] != names[0]  # a temporary name is nobody else's


def test_an_older_version_never_replaces_a_newer_one(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    cancelled = record(7, status=Status.CANCELLED)
    assert volume.save_job(cancelled) == cancelled
    assert volume.save_job(record(6)) == cancelled
    assert volume.saved_job(JOB) == cancelled


def test_a_record_without_a_version_is_the_oldest(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    volume.run(JOB).mkdir(parents=True)
    path = volume.run(JOB) / "job.json"
    path.write_text(record(0).model_dump_json(exclude={"version"}))
    assert volume.saved_job(JOB) == record(0)
    volume.save_job(record(1))
    assert volume.saved_job(JOB) == record(1)


def test_a_write_that_fails_leaves_the_record_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume(tmp_path)
    volume.save_job(record(1))
    names = sorted(path.name for path in volume.run(JOB).iterdir())

    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DiskFull):
        volume.save_job(record(2))
    assert volume.saved_job(JOB) == record(1)
    assert sorted(path.name for path in volume.run(JOB).iterdir()) == names


def test_a_writer_waits_for_the_one_before_it_but_not_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = Volume(tmp_path)
    volume.save_job(record(1))
    with ThreadPoolExecutor(1) as pool:
        with FileLock(volume.run(JOB) / job_record.LOCK_NAME):
            waiting = pool.submit(volume.save_job, record(2))
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
            assert volume.saved_job(JOB) == record(1)
        assert waiting.result(10) == record(2)
    monkeypatch.setattr(job_record, "LOCK_TIMEOUT", 0.1)
    with FileLock(volume.run(JOB) / job_record.LOCK_NAME), pytest.raises(OSError, match="lock"):
        volume.save_job(record(3))


@given(st.lists(st.integers(1, 30), max_size=8), st.lists(st.integers(1, 30), max_size=8))
@settings(max_examples=25)
def test_two_writers_leave_the_newest_record_whole(one: list[int], other: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Volume(Path(folder)).save_job(record(0))
        observed: list[int] = []

        def write(versions: list[int]) -> None:
            volume = Volume(Path(folder))
            for version in versions:
                assert volume.save_job(record(version)).version >= version

        def read(pool: ThreadPoolExecutor) -> None:
            writers = [pool.submit(write, versions) for versions in (one, other)]
            while not all(writer.done() for writer in writers):
                saved = Volume(Path(folder)).saved_job(JOB)
                assert saved is not None
                observed.append(saved.version)
            for writer in writers:
                writer.result()

        with ThreadPoolExecutor(2) as pool:
            read(pool)
        assert observed == sorted(observed)
        saved = Volume(Path(folder)).saved_job(JOB)
        assert saved == record(max([0, *one, *other]))
        assert len(list((Path(folder) / "runs" / JOB).iterdir())) == 2  # the record and the lock


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'{"id": "ftjob-2"}', b"null"])
def test_a_broken_record_is_named_and_stops_nobody(
    tmp_path: Path, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    volume = Volume(tmp_path)
    for number in (1, 2, 3):
        volume.save_job(record(1, f"ftjob-{number}", created_at=number))
    broken = volume.run("ftjob-2") / "job.json"
    broken.write_bytes(body)
    assert [job.id for job in volume.saved_jobs()] == ["ftjob-1", "ftjob-3"]
    assert str(broken) in caplog.text
    volume.save_job(record(1, "ftjob-2"))
    assert volume.saved_job("ftjob-2") == record(1, "ftjob-2")


def test_a_record_that_cannot_be_read_or_is_a_copy_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    volume = Volume(tmp_path)
    volume.save_job(record(1))
    copy = volume.run("copy of ftjob-1")
    copy.mkdir()
    (copy / "job.json").write_text(record(9).model_dump_json())
    (volume.run("ftjob-2") / "job.json").mkdir(parents=True)
    assert list(volume.saved_jobs()) == [record(1)]
    assert str(copy / "job.json") in caplog.text
    assert str(volume.run("ftjob-2") / "job.json") in caplog.text
