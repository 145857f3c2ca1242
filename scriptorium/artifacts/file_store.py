"""Uploaded and produced files on the volume: one folder each, named by us, with the content and a small record."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from scriptorium.artifacts import manifest
from scriptorium.artifacts.volume import disk_errors
from scriptorium.contracts import StoredFile
from scriptorium.errors import FileMissing, FileTooLarge

ID = re.compile(r"file-[0-9a-f]{24}")
BLOCK = 1 << 20
RESULT = "fine-tune-results"  # the purpose of files that a job leaves
ADAPTER, MERGED, MODEL = "adapter-", "merged-", "model-"  # how the names of weights begin, after the job's id


class Files:
    """Add, get, list and delete. A file exists once its record does; the record is renamed into place last."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, source: BinaryIO, filename: str, purpose: str, limit: int | None = None) -> StoredFile:
        """Store a stream; raises FileTooLarge past `limit` bytes."""
        folder = self._room()
        try:
            with disk_errors(), (folder / "content").open("wb") as target:
                size = _copy(source, target, limit)
                target.flush()
                os.fsync(target.fileno())
            return self._record(folder, filename, purpose, size)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def add_path(self, path: Path, filename: str, purpose: str) -> StoredFile:
        """Store a file that is on the volume already, without copying it."""
        folder = self._room()
        os.link(path, folder / "content")
        return self._record(folder, filename, purpose, path.stat().st_size, listed_hash(path))

    def offer(self, paths: Mapping[str, Path]) -> list[str]:
        """Store results under their names, once each, and return their ids; an attempt may have died after storing."""
        known = {file.filename: file.id for file in self.newest() if file.purpose == RESULT}
        return [known.get(name) or self.add_path(path, name, RESULT).id for name, path in paths.items()]

    def get(self, file_id: str) -> StoredFile:
        """The record of a file; raises FileMissing."""
        if ID.fullmatch(file_id):
            try:
                return StoredFile.model_validate_json((self._root / file_id / "file.json").read_text("utf-8"))
            except FileNotFoundError:
                pass
        raise FileMissing(f"There is no file {file_id!r}.", param="file_id")

    def content(self, file_id: str) -> Path:
        """Where the bytes of a file are; raises FileMissing."""
        return self._root / self.get(file_id).id / "content"

    def newest(self) -> list[StoredFile]:
        """Every file, newest first."""
        records = [
            StoredFile.model_validate_json(path.read_text("utf-8")) for path in self._root.glob("file-*/file.json")
        ]
        return sorted(records, key=lambda file: (file.created_at, file.id), reverse=True)

    def delete(self, file_id: str) -> None:
        """Remove a file; raises FileMissing."""
        self.get(file_id)
        (self._root / file_id / "file.json").unlink(missing_ok=True)
        shutil.rmtree(self._root / file_id, ignore_errors=True)

    def _room(self) -> Path:
        folder = self._root / f"file-{secrets.token_hex(12)}"
        with disk_errors():
            folder.mkdir(parents=True)
        return folder

    def _record(self, folder: Path, filename: str, purpose: str, size: int, digest: str = "") -> StoredFile:
        digest = digest or manifest.hash_file(folder / "content")
        name = Path(filename.replace("\\", "/")).name or "upload"
        file = StoredFile(
            id=folder.name, bytes=size, created_at=int(time.time()), filename=name, purpose=purpose, sha256=digest
        )
        with disk_errors():
            temporary = folder / "file.json.tmp"
            temporary.write_text(file.model_dump_json(), encoding="utf-8")
            manifest.sync(temporary)
            temporary.replace(folder / "file.json")
            manifest.sync(folder)
        return file


def listed_hash(path: Path) -> str:
    """A published file's SHA-256 by the manifest of its folder, or of the one above; empty where none lists it."""
    for folder in path.parents[:2]:
        listed = (manifest.read(folder) or {}).get("files", {}).get(path.relative_to(folder).as_posix())
        if listed:
            return str(listed["sha256"])
    return ""


def _copy(source: BinaryIO, target: BinaryIO, limit: int | None) -> int:
    size = 0
    while block := source.read(BLOCK):
        size += len(block)
        if limit is not None and size > limit:
            raise FileTooLarge(f"The file has more than {limit:,} bytes.", param="file")
        target.write(block)
    return size
