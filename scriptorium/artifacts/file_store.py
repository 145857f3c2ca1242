"""Uploaded and produced files on the volume: one folder each, named by us, with the content and a small record."""

from __future__ import annotations

import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from scriptorium.artifacts import manifest
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import StoredFile
from scriptorium.errors import FileMissing, FileTooLarge
from scriptorium.identifiers import FILE_PREFIX, make_id, read_time

log = logging.getLogger(__name__)

FILE_ID = re.compile(r"file-[0-9a-f]{24,26}")
BLOCK_BYTES = 1 << 20
MAX_REMEMBERED_NAMES = 100_000  # a few hundred bytes each
RESULT = "fine-tune-results"  # the purpose of the files that a job produces
ADAPTER, MERGED, MODEL = "adapter-", "merged-", "model-"  # prefixes of the names of weights, after the job's id


class NamedUpload(NamedTuple):
    """When an uploaded file was made, its id and its name: they sort by time."""

    made_at: float
    id: str
    filename: str


class FileStore:
    """Add, get, list and delete files. A file exists once its record does; the record is renamed into place last.

    `created_by` is the id of the API's key that files are added with.
    """

    def __init__(self, root: Path, created_by: str | None = None) -> None:
        self._root = root
        self._created_by = created_by

    def add(
        self,
        source: BinaryIO,
        filename: str,
        purpose: str,
        limit: int | None = None,
        expires_after: int | None = None,
    ) -> StoredFile:
        """Store a stream, for some seconds or for ever; raises FileTooLarge past `limit` bytes."""
        folder = self._make_folder()
        try:
            with disk_errors(), open(folder / "content", "wb", opener=manifest.open_private) as target:
                copy_stream(source, target, limit)
                target.flush()
                os.fsync(target.fileno())
            return self._record(folder, filename, purpose, expires_after=expires_after)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def add_path(self, path: Path, filename: str, purpose: str) -> StoredFile:
        """Store a file that is already on the volume, without copying it."""
        folder = self._make_folder()
        os.link(path, folder / "content")
        return self._record(folder, filename, purpose, digest=hash_in_manifest(path))

    def add_results(self, paths: Mapping[str, Path]) -> list[str]:
        """Store results under their names and return their ids; skip those that a dead attempt has stored.

        Others of the same name, which an earlier round of the job has stored, are replaced.
        """
        known = [file for file in self.newest() if file.purpose == RESULT and file.filename in paths]
        same = {file.filename: file.id for file in known if self._holds(file, paths[file.filename])}
        ids = [same.get(name) or self.add_path(path, name, RESULT).id for name, path in paths.items()]
        for file in known:
            if file.id not in ids:
                self.delete(file.id)
        return ids

    def existing(self, file_ids: Iterable[str]) -> list[str]:
        """Return the ids of the files that exist, in their order."""
        return [file_id for file_id in file_ids if (self._root / file_id / "file.json").is_file()]

    def _holds(self, file: StoredFile, path: Path) -> bool:
        """Return whether a result is this very file, or a copy of it on a volume that was moved."""
        content = self._root / file.id / "content"
        return content.samefile(path) or file.sha256 == (hash_in_manifest(path) or manifest.hash_file(path))

    def results_of(self, job_id: str) -> list[str]:
        """Return the ids of every result file of a job, those included that its record does not name."""
        return [file.id for file in self.newest() if file.purpose == RESULT and file.filename.startswith(f"{job_id}-")]

    def get(self, file_id: str) -> StoredFile:
        """Return the record of a file; raises FileMissing."""
        if FILE_ID.fullmatch(file_id):
            try:
                return StoredFile.model_validate_json((self._root / file_id / "file.json").read_text("utf-8"))
            except FileNotFoundError:
                pass
        raise FileMissing(f"There is no file {file_id!r}.", param="file_id")

    def content(self, file_id: str) -> Path:
        """Return the path of a file's content; raises FileMissing."""
        return self._root / self.get(file_id).id / "content"

    def newest(self) -> list[StoredFile]:
        """Return every file whose record can be read, newest first."""
        records = filter(None, map(read_file_record, self._root.glob("file-*/file.json")))
        return sorted(records, key=lambda file: (made_at(file), file.id), reverse=True)

    def named_uploads(self) -> list[NamedUpload]:
        """Return the names of the files that no job has produced, newest first; each record is read only once.

        A record never changes. One that was removed a moment ago may still be among them.
        """
        with os.scandir(self._root) if self._root.is_dir() else nullcontext(()) as entries:
            folders = [entry.path for entry in entries if entry.name.startswith(FILE_PREFIX)]
        return sorted(filter(None, map(read_upload_name, folders)), reverse=True)

    def expired(self) -> list[str]:
        """Return the ids of the files that were to stay only until now."""
        now = time.time()
        return [file.id for file in self.newest() if file.expires_at is not None and file.expires_at <= now]

    def delete(self, file_id: str) -> None:
        """Remove a file; raises FileMissing."""
        self.get(file_id)
        (self._root / file_id / "file.json").unlink(missing_ok=True)
        shutil.rmtree(self._root / file_id, ignore_errors=True)

    def _make_folder(self) -> Path:
        folder = self._root / make_id(FILE_PREFIX)
        with disk_errors():
            folder.mkdir(mode=manifest.PRIVATE_FOLDER, parents=True)
        return folder

    def _record(
        self, folder: Path, filename: str, purpose: str, *, digest: str = "", expires_after: int | None = None
    ) -> StoredFile:
        size, digest = (folder / "content").stat().st_size, digest or manifest.hash_file(folder / "content")
        name = Path(filename.replace("\\", "/")).name or "upload"
        created_at = int(read_time(folder.name) or 0)
        file = StoredFile(
            id=folder.name,
            bytes=size,
            created_at=created_at,
            expires_at=None if expires_after is None else created_at + expires_after,
            filename=name,
            purpose=purpose,
            sha256=digest,
            created_by=self._created_by,
        )
        with disk_errors():
            manifest.replace_file(folder / "file.json", file.model_dump_json())
            manifest.sync(self._root)
        return file


def made_at(file: StoredFile) -> float:
    """Return when a file was made, in Unix seconds; the files of one second have an order, too, unless they are old."""
    return read_time(file.id) or float(file.created_at)


@lru_cache(maxsize=MAX_REMEMBERED_NAMES)
def _read_name_once(folder: str) -> NamedUpload | None:
    file = StoredFile.model_validate_json(Path(folder, "file.json").read_bytes())
    return None if file.purpose == RESULT else NamedUpload(made_at(file), file.id, file.filename)


def read_upload_name(folder: str) -> NamedUpload | None:
    """Return the name of a file; None for a result, and for a folder without a record that can be read."""
    try:
        return _read_name_once(folder)
    except (OSError, ValidationError):
        return None


def read_file_record(path: Path) -> StoredFile | None:
    """Read the record of a file; None, with a warning unless it was just deleted, if it cannot be read."""
    try:
        return StoredFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("%s cannot be read as a file's record: %s", path, error)
        return None


def hash_in_manifest(path: Path) -> str:
    """Return a published file's SHA-256 from the manifest of its folder or the one above; empty if neither lists it."""
    for folder in path.parents[:2]:
        entry = (manifest.read(folder) or {}).get("files", {}).get(path.relative_to(folder).as_posix())
        if entry:
            return str(entry["sha256"])
    return ""


def copy_stream(source: BinaryIO, target: BinaryIO, limit: int | None) -> None:
    """Copy a stream; raises FileTooLarge past `limit` bytes."""
    size = 0
    while block := source.read(BLOCK_BYTES):
        size += len(block)
        if limit is not None and size > limit:
            raise FileTooLarge(f"The file has more than {limit:,} bytes.", param="file")
        target.write(block)
