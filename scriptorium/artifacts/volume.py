"""The volume: where artifacts live. The only way to publish one is to work in a temporary folder, then rename it.

<root>/files/<file id>/{file.json,content}     uploads and result files
<root>/uploads/                                uploads in progress, as files without a name
<root>/uploads/<upload id>/{upload.json,part_*}    uploads in parts
<root>/models/<name>/                          base models
<root>/references/*.txt                        other authors' books, for comparison
<root>/keys/{<key id>.json,audit.jsonl}        keys of the API, as hashes, and what was done to them
<root>/impostors/<author>[/*]                  comparison authors for evaluation
<root>/replay/<base>/answers.jsonl             a base's own answers to plain requests, asked once; append-only
<root>/measured_runs.json                      what finished trainings needed, for the next estimates
<root>/runs/<job id>/job.json                  the job's record, enough to restore it
<root>/runs/<job id>/events.jsonl              events of an ended job; append-only
<root>/runs/<job id>/readings.jsonl            answers of blind readers; append-only
<root>/runs/<job id>/<phase>.<attempt>.tmp/    work in progress
<root>/runs/<job id>/<phase>.<attempt>.*.log    logs of attempts whose folders were swept
<root>/runs/<job id>/prepare.<attempt>.quality.{json,html}    what such an attempt found in the manuscript
<root>/runs/<job id>/{dataset,training,calibration,merged,serving,report}/    published, each with a manifest
<root>/runs/<job id>/rounds/<round>/{merged,serving,report}/    published in a round that is not the present one
<root>/runs/<job id>/variants/<step>@<strength>/    a checkpoint at a strength, made when somebody asked for it
"""

from __future__ import annotations

import errno
import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scriptorium.artifacts import job_record, manifest
from scriptorium.contracts import Job, Phase
from scriptorium.errors import DiskFull, LeaseLost

log = logging.getLogger(__name__)

FOLDERS = {
    Phase.PREPARE: "dataset",
    Phase.TRAIN: "training",
    Phase.CALIBRATE: "calibration",
    Phase.MERGE: "merged",
    Phase.SERVE: "serving",
    Phase.EVALUATE: "report",
}
JOB_RECORD = "job.json"
ROUNDS = "rounds"
VARIANTS = "variants"


class Volume:
    """The volume that all services share."""

    def __init__(self, root: Path, models: Path | None = None) -> None:
        self.root = root
        self.files = root / "files"
        self.uploads = root / "uploads"
        self.runs = root / "runs"
        self.models = models or root / "models"
        self.references = root / "references"
        self.replay = root / "replay"

    def make_private(self) -> None:
        """Let only the owner enter the folders of manuscripts, and of what was made from them."""
        for folder in (self.files, self.uploads, self.runs):
            try:
                folder.mkdir(mode=manifest.PRIVATE_FOLDER, parents=True, exist_ok=True)
                folder.chmod(manifest.PRIVATE_FOLDER)
            except OSError as error:
                log.warning("%s may be open to others on this machine: %s", folder, error)

    def run(self, job_id: str) -> Path:
        """Return the folder of a job."""
        return self.runs / job_id

    def folder(self, job_id: str, phase: Phase) -> Path:
        """Return the folder where a phase's output is or will be published."""
        return self.run(job_id) / FOLDERS[phase]

    def variant(self, job_id: str, step: int, strength: float) -> Path:
        """Return the folder where a checkpoint at a strength is or will be, merged or as an adapter."""
        return self.run(job_id) / VARIANTS / f"{step}@{strength:g}"

    def events(self, job_id: str) -> Path:
        """Return the file of a job's archived events."""
        return self.run(job_id) / "events.jsonl"

    def readings(self, job_id: str) -> Path:
        """Return the file of blind readers' answers, outside the published folders because those never change."""
        return self.run(job_id) / "readings.jsonl"

    def attempt(self, job_id: str, phase: Phase, attempt: int) -> Path:
        """Make a fresh, empty folder for one attempt and return it."""
        folder = self.run(job_id) / f"{phase}.{attempt}.tmp"
        with disk_errors():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        return folder

    def earlier_attempts(self, job_id: str, phase: Phase, attempt: int) -> list[Path]:
        """Return the folders that earlier attempts left, oldest first."""
        folders = self.run(job_id).glob(f"{phase}.*.tmp")
        numbered = sorted((int(folder.name.split(".")[1]), folder) for folder in folders)
        return [folder for number, folder in numbered if number < attempt]

    def outputs(self, job_id: str, phase: Phase) -> list[Path]:
        """Return the folders that hold a phase's output, whole or unfinished: the published one, then the newest."""
        published = [folder] if (folder := self.folder(job_id, phase)).is_dir() else []
        return published + self.earlier_attempts(job_id, phase, sys.maxsize)[::-1]

    def output_file(self, job_id: str, phase: Phase, name: str) -> Path | None:
        """Return the newest file of that name in a phase's output, published or not, or kept of a swept attempt."""
        kept = self.run(job_id).glob(f"{phase}.*.{name}")
        numbered = {path.name.split(".")[1]: path for path in kept}
        newest_first = [numbered[number] for number in sorted(filter(str.isdigit, numbered), key=int, reverse=True)]
        files = [*(folder / name for folder in self.outputs(job_id, phase)), *newest_first]
        return next((path for path in files if path.is_file()), None)

    def published(self, job_id: str, phase: Phase) -> dict[str, Any] | None:
        """Return the manifest of a published phase, or None."""
        return manifest.read(self.folder(job_id, phase))

    def round_folder(self, job_id: str, phase: Phase, number: int) -> Path:
        """Return the folder where a phase's output of a round lies while another round is the present one."""
        return self.run(job_id) / ROUNDS / str(number) / FOLDERS[phase]

    def published_in(self, job_id: str, phase: Phase, number: int) -> Path | None:
        """Return the folder that holds a phase's output of a round, or None."""
        if (body := self.published(job_id, phase)) is not None and round_of(body) == number:
            return self.folder(job_id, phase)
        folder = self.round_folder(job_id, phase, number)
        return folder if manifest.read(folder) is not None else None

    def take_round(self, job_id: str, phase: Phase, number: int) -> dict[str, Any] | None:
        """Make a phase's output of a round the present one; return its manifest, or None if that is not published.

        It may be called again after a crash at any moment.
        """
        folder = self.published_in(job_id, phase, number)
        if folder is None:
            return None
        if folder != self.folder(job_id, phase):
            self._set_aside(job_id, phase, number)
            folder.rename(self.folder(job_id, phase))
            manifest.sync(self.run(job_id))
        return self.published(job_id, phase)

    def rounds(self, job_id: str, phase: Phase) -> dict[int, Path]:
        """Return the folders of a phase's output in the rounds that are not the present one, by round."""
        folders = (self.run(job_id) / ROUNDS).glob(f"*/{FOLDERS[phase]}")
        return {int(folder.parent.name): folder for folder in sorted(folders) if folder.parent.name.isdigit()}

    def discard_rounds(self, job_id: str, phase: Phase) -> None:
        """Remove a phase's output in the rounds that are not the present one."""
        for folder in self.rounds(job_id, phase).values():
            shutil.rmtree(folder, ignore_errors=True)

    def _set_aside(self, job_id: str, phase: Phase, number: int) -> None:
        """Move a phase's output out of the way, unless there is none or it is that of the round `number`."""
        body = self.published(job_id, phase)
        if body is None or round_of(body) == number:
            return
        folder = self.round_folder(job_id, phase, round_of(body))
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder(job_id, phase).rename(folder)
        manifest.sync(folder.parent)
        manifest.sync(self.run(job_id))

    def publish(self, job_id: str, phase: Phase, folder: Path, body: dict[str, Any]) -> Path:
        """Make `folder` the phase's output, atomically; raises LeaseLost if another attempt published first.

        The output of an earlier round is set aside.
        """
        target = self.folder(job_id, phase)
        with disk_errors():
            manifest.write(folder, body)
            self._set_aside(job_id, phase, round_of(body))
            try:
                folder.rename(target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise LeaseLost(f"{target.name} was published by another attempt") from None
                raise
            manifest.sync(target.parent)
        return target

    def discard_attempts(self, job_id: str, phase: Phase) -> None:
        """Remove the folders of a phase's unpublished attempts."""
        for folder in self.run(job_id).glob(f"{phase}.*.tmp"):
            shutil.rmtree(folder, ignore_errors=True)

    def save_job(self, job: Job) -> Job:
        """Save the job's record beside its artifacts; return the one that lies there now, which may be newer."""
        with disk_errors():
            return job_record.write_record(self.run(job.id), job)

    def saved_job(self, job_id: str) -> Job | None:
        """Read a job's record; None if there is none that can be read."""
        return job_record.read_record(self.run(job_id) / job_record.NAME)

    def saved_jobs(self) -> Iterator[Job]:
        """Yield every job record on the volume that can be read, oldest first; warn of the others."""
        jobs = filter(None, map(job_record.read_record, self.runs.glob(f"*/{job_record.NAME}")))
        yield from sorted(jobs, key=lambda job: (job.created_at, job.id))

    def job_ids(self) -> set[str]:
        """Return the ids of the jobs that have a record on the volume, readable or not."""
        return {path.parent.name for path in self.runs.glob(f"*/{job_record.NAME}")}


def round_of(body: dict[str, Any]) -> int:
    """Return the round that a manifest belongs to; there was only one when the older ones were written."""
    return int(body.get("round", 1))


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn "no space left" into DiskFull."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("There is no space left on the volume.") from error
        raise
