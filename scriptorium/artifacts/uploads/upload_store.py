"""Uploads in parts on the volume: begun, filled, and completed into a file or cancelled, within an hour.

<uploads>/<upload id>/upload.json      the upload's record, changed by one writer at a time
<uploads>/<upload id>/part_...         its parts, until it has ended
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from filelock import FileLock
from pydantic import ValidationError

from scriptorium.artifacts import manifest
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.parts import MAX_PART_BYTES, JoinedParts, StoredPart, list_parts, write_part
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts.files import Upload, UploadStatus
from scriptorium.errors import Conflict, FileTooLarge, InvalidRequest, Problem, UploadMissing
from scriptorium.identifiers import make_id

UPLOAD_ID = re.compile(r"upload_[0-9a-f]{26}")
RECORD = "upload.json"
LOCK_NAME = "upload.json.lock"
LOCK_TIMEOUT = 600.0  # seconds; joining the parts of a large file takes a while
LIFETIME = 3600  # seconds, as the hosted service has it
MAX_COPIES = 2  # of an upload's bytes in its parts: each of them may be sent once more after a lost answer


class UploadStore:
    """Uploads by id. The folder of one that has expired is a leftover."""

    def __init__(self, root: Path, files: FileStore) -> None:
        self._root = root
        self._files = files

    def create(self, size: int, filename: str, purpose: str, expires_after: int | None = None) -> Upload:
        """Begin an upload of `size` bytes, whose file expires after some seconds, if at all."""
        now = int(time.time())
        upload = Upload(
            id=make_id("upload_", now), bytes=size, created_at=now, expires_at=now + LIFETIME, filename=filename,
            purpose=purpose, file_expires_after=expires_after,
        )  # fmt: skip
        with disk_errors():
            (self._root / upload.id).mkdir(mode=manifest.PRIVATE_FOLDER, parents=True)
            self._save(upload)
            manifest.sync(self._root)
        return upload

    def get(self, upload_id: str) -> Upload:
        """Return an upload as it is now. Raises UploadMissing."""
        try:
            if not UPLOAD_ID.fullmatch(upload_id):
                raise FileNotFoundError
            upload = Upload.model_validate_json((self._root / upload_id / RECORD).read_bytes())
        except (FileNotFoundError, ValidationError):
            raise no_such_upload(upload_id) from None
        is_late = upload.status is UploadStatus.PENDING and time.time() >= upload.expires_at
        return upload.model_copy(update={"status": UploadStatus.EXPIRED}) if is_late else upload

    def parts(self, upload_id: str) -> list[StoredPart]:
        """Return the parts that an upload has so far, oldest first. Raises UploadMissing."""
        return list_parts(self._root / self.get(upload_id).id)

    def add_part(self, upload_id: str, source: BinaryIO) -> StoredPart:
        """Add a part. Raises UploadMissing, Conflict if the upload has ended, and FileTooLarge."""
        upload = check_pending(self.get(upload_id))
        try:
            part = write_part(self._root / upload.id, source, min(MAX_PART_BYTES, upload.bytes))
            with self._lock(upload_id):
                self._admit(part, upload_id)
        except FileNotFoundError:  # it has expired while the part was written, and the sweeper was there
            raise no_such_upload(upload_id) from None
        return part

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str | None = None) -> Upload:
        """Join parts in the given order into a file; the same call again returns the same upload.

        Raises UploadMissing, Conflict if the upload has ended in another way, and InvalidRequest for parts that do not
        exist, are named twice, or together have another size or MD5 than the upload.
        """
        with self._lock(upload_id):
            upload = self.get(upload_id)
            if upload.status is UploadStatus.COMPLETED and upload.part_ids == list(part_ids):
                return upload
            check_pending(upload)
            parts = select_parts(upload, self.parts(upload_id), part_ids)
            with closing(JoinedParts(parts, md5)) as source:
                file = self._files.add(
                    cast(BinaryIO, source), upload.filename, upload.purpose, expires_after=upload.file_expires_after
                )
            changes = {"status": UploadStatus.COMPLETED, "file_id": file.id, "part_ids": list(part_ids)}
            return self._end(upload.model_copy(update=changes))

    def cancel(self, upload_id: str) -> Upload:
        """Cancel an upload and remove its parts; the same call again changes nothing.

        Raises UploadMissing, and Conflict if the upload has ended in another way.
        """
        with self._lock(upload_id):
            upload = self.get(upload_id)
            if upload.status is UploadStatus.CANCELLED:
                return upload
            return self._end(check_pending(upload).model_copy(update={"status": UploadStatus.CANCELLED}))

    def leftovers(self) -> Iterator[Path]:
        """Yield the folders of uploads that have expired."""
        for folder in self._root.glob("upload_*"):
            try:
                if time.time() >= self.get(folder.name).expires_at:
                    yield folder
            except UploadMissing:
                if time.time() >= folder.stat().st_mtime + LIFETIME:
                    yield folder

    def _admit(self, part: StoredPart, upload_id: str) -> None:
        """Remove a part that comes too late or is one too many, and raise Conflict or FileTooLarge."""
        try:
            upload = check_pending(self.get(upload_id))
            if sum(stored.bytes for stored in self.parts(upload_id)) > MAX_COPIES * upload.bytes:
                raise FileTooLarge(f"The parts have more than {MAX_COPIES} x {upload.bytes:,} bytes.", param="data")
        except BaseException:
            part.path.unlink(missing_ok=True)
            raise

    def _end(self, upload: Upload) -> Upload:
        """Save an upload that has ended, and remove its parts."""
        self._save(upload)
        for part in list_parts(self._root / upload.id):
            part.path.unlink(missing_ok=True)
        return upload

    def _save(self, upload: Upload) -> None:
        with disk_errors():
            manifest.replace_file(self._root / upload.id / RECORD, upload.model_dump_json())

    @contextmanager
    def _lock(self, upload_id: str) -> Iterator[None]:
        with FileLock(self._root / self.get(upload_id).id / LOCK_NAME, timeout=LOCK_TIMEOUT):
            yield


def no_such_upload(upload_id: str) -> UploadMissing:
    """Return the error for an id that no upload has."""
    return UploadMissing(f"There is no upload {upload_id!r}.", param="upload_id")


def check_pending(upload: Upload) -> Upload:
    """Return the upload; raise Conflict if it takes no parts any more."""
    if upload.status is not UploadStatus.PENDING:
        raise Conflict(f"{upload.id} is {upload.status}.", param="upload_id", next_step="Create another upload.")
    return upload


def select_parts(upload: Upload, parts: Sequence[StoredPart], part_ids: Sequence[str]) -> list[StoredPart]:
    """Return the named parts in their order. Raises InvalidRequest unless they are the whole upload."""
    by_id = {part.id: part for part in parts}
    problems = [Problem("part_ids", f"{upload.id} has no part {name!r}") for name in part_ids if name not in by_id]
    if len(set(part_ids)) < len(part_ids):
        problems.append(Problem("part_ids", "a part is named twice"))
    if problems:
        raise InvalidRequest(f"The parts of {upload.id} cannot be joined.", problems=problems)
    size = sum(by_id[part_id].bytes for part_id in part_ids)
    if size != upload.bytes:
        raise InvalidRequest(
            f"The parts of {upload.id} have {size:,} bytes together, not {upload.bytes:,}.", param="part_ids"
        )
    return [by_id[part_id] for part_id in part_ids]
