"""Leftovers: what lies in the data folder and nobody needs any more, by kind; pruning removes it.

A job that has not ended keeps its temporary folders: it may continue from them. A run's folder without any record of
its job cannot be restored; one with a record can, so it is no leftover.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from scriptorium.artifacts.dataset import QUALITY, QUALITY_PAGE
from scriptorium.artifacts.disk_use import newest_change, removable_bytes, remove
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.upload_store import UploadStore
from scriptorium.artifacts.volume import JOB_RECORD, Volume
from scriptorium.contracts import Job, Phase
from scriptorium.errors import JobMissing
from scriptorium.process.log_files import ROTATED_LOGS
from scriptorium.settings import Settings
from scriptorium.store import Store
from scriptorium.store.leases import phase_lease

ORPHAN_AGE = timedelta(days=1)  # an upload or a new run may take a while to get its record
CACHE_AGE = timedelta(days=1)
SWEPT_CACHE_AGE = timedelta(days=30)  # the sweeper is not asked for: what is compiled today is of use tomorrow
LOG_AGE = timedelta(days=7)
PHASE_NAMES = "|".join(Phase)
ATTEMPT_FOLDER = re.compile(rf"({PHASE_NAMES})\.(\d+)\.tmp")


class LeftoverKind(StrEnum):
    """The kinds of leftovers."""

    TEMPORARY_FOLDERS = "temporary_folders"
    UPLOADS = "uploads"
    RUN_FOLDERS = "run_folders"
    COMPILE_CACHES = "compile_caches"
    LOGS = "logs"


@dataclass(frozen=True)
class Records:
    """What is known of jobs: a job's record, if there is one, and whether a worker holds one of its phases."""

    job: Callable[[str], Job | None]
    has_worker: Callable[[Job, Phase], bool]


@dataclass(frozen=True)
class PrunedKind:
    """The leftovers of one kind, and the bytes that removing them frees."""

    kind: LeftoverKind
    paths: list[Path]
    bytes: int


def stored_records(store: Store) -> Records:
    """Return the records of a store."""

    def find(job_id: str) -> Job | None:
        try:
            return store.jobs.get(job_id)
        except JobMissing:
            return None

    return Records(find, lambda job, phase: store.leases.holder(phase_lease(job.id, phase)) is not None)


def saved_records(volume: Volume) -> Records:
    """Return the records on the volume, for a stack that is down: then nobody works."""
    jobs = {job.id: job for job in volume.saved_jobs()}
    return Records(jobs.get, lambda job, phase: False)


def find_leftovers(volume: Volume, records: Records, settings: Settings) -> dict[LeftoverKind, list[Path]]:
    """Return the paths of every leftover by kind."""
    return {
        LeftoverKind.TEMPORARY_FOLDERS: list(temporary_folders(volume, records)),
        LeftoverKind.UPLOADS: list(unfinished_uploads(volume)),
        LeftoverKind.RUN_FOLDERS: list(orphaned_runs(volume, records)),
        LeftoverKind.COMPILE_CACHES: list(compile_caches(settings.cache)),
        LeftoverKind.LOGS: list(old_logs(settings.logs)),
    }


def prune(volume: Volume, records: Records, settings: Settings, *, dry_run: bool) -> list[PrunedKind]:
    """Remove every leftover, or only say what would be removed; one that cannot be removed is not listed."""
    return [
        remove_leftovers(kind, paths, dry_run=dry_run)
        for kind, paths in find_leftovers(volume, records, settings).items()
    ]


def render_pruned(pruned: Sequence[PrunedKind], root: Path, *, dry_run: bool) -> dict[str, Any]:
    """Render the leftovers for machines; paths in the data folder are relative to it."""
    kinds = [
        {
            "kind": entry.kind,
            "count": len(entry.paths),
            "bytes": entry.bytes,
            "paths": [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in entry.paths],
        }
        for entry in pruned
    ]
    return {
        "object": "prune",
        "dry_run": dry_run,
        "freed_bytes": sum(entry.bytes for entry in pruned),
        "kinds": kinds,
    }


def remove_leftovers(kind: LeftoverKind, paths: Sequence[Path], *, dry_run: bool = False) -> PrunedKind:
    """Remove leftovers of one kind; an attempt's logs and findings stay, because they say why a job failed."""
    if dry_run:
        return PrunedKind(kind, list(paths), removable_bytes(paths))
    before = removable_bytes(paths)
    if kind is LeftoverKind.TEMPORARY_FOLDERS:
        for path in paths:
            keep_reasons(path)
    removed = [path for path in paths if remove(path)]
    return PrunedKind(kind, removed, max(0, before - removable_bytes(paths)))


def temporary_folders(volume: Volume, records: Records, grace: timedelta = timedelta(0)) -> Iterator[Path]:
    """Yield the folders of attempts that nothing will continue: the job ended `grace` ago, or the phase is done."""
    for folder in volume.runs.glob("*/*.tmp"):
        match = ATTEMPT_FOLDER.fullmatch(folder.name)
        job = records.job(folder.parent.name) if match and folder.is_dir() else None
        if match is None or job is None:
            continue
        phase = Phase(match[1])
        if is_over(volume, job, phase, grace) and not records.has_worker(job, phase):
            yield folder


def is_over(volume: Volume, job: Job, phase: Phase, grace: timedelta) -> bool:
    """Return whether a job never works on a phase again."""
    if job.status.final:
        return time.time() - (job.finished_at or 0) >= grace.total_seconds()
    return job.phase is not phase and volume.published(job.id, phase) is not None


def unfinished_uploads(volume: Volume) -> Iterator[Path]:
    """Yield the folders of files whose upload, or whose deletion, was interrupted, and those of expired uploads."""
    yield from UploadStore(volume.uploads, FileStore(volume.files)).leftovers()
    for folder in volume.files.glob("file-*"):
        if not (folder / "file.json").exists() and is_older(folder, ORPHAN_AGE):
            yield folder


def orphaned_runs(volume: Volume, records: Records) -> Iterator[Path]:
    """Yield the folders of runs that nobody knows: neither the store nor a record beside the artifacts."""
    for folder in volume.runs.glob("ftjob-*"):
        if not (folder / JOB_RECORD).exists() and records.job(folder.name) is None and is_older(folder, ORPHAN_AGE):
            yield folder


def compile_caches(cache: Path, age: timedelta = CACHE_AGE) -> Iterator[Path]:
    """Yield what training and serving compiled, by model or by kernel; they compile again what they need."""
    for compiler in ("vllm/torch_compile_cache", "inductor", "triton"):
        for folder in (cache / compiler).glob("*"):
            if is_older(folder, age):
                yield folder


def old_logs(logs: Path) -> Iterator[Path]:
    """Yield rotated logs, and those of engines that were stopped long ago."""
    yield from logs.glob(ROTATED_LOGS)
    yield from silent_logs(logs, "vllm-*.log")


def silent_logs(logs: Path, pattern: str) -> Iterator[Path]:
    """Yield the logs to which nothing was written for a week; every model that was ever served has one."""
    for log in logs.glob(pattern):
        if is_older(log, LOG_AGE):
            yield log


def is_older(path: Path, age: timedelta) -> bool:
    """Return whether nothing was written to a file or folder for `age`."""
    return 0 < newest_change(path) < time.time() - age.total_seconds()


def keep_reasons(folder: Path) -> None:
    """Move an attempt's logs, and what it found in the manuscript, to its run's folder under the attempt's name."""
    reasons = [folder / QUALITY, folder / QUALITY_PAGE]
    with suppress(FileNotFoundError):  # somebody else has removed the folder
        reasons += folder.glob("*.log")
    for path in reasons:
        with suppress(FileNotFoundError):  # there is none, somebody else moves it, or removes the run
            path.replace(folder.with_name(f"{folder.stem}.{path.name}"))
