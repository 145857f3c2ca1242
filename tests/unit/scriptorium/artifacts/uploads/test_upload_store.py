"""Uploads in parts on the volume: whatever the cut, the file is the same; what fails leaves no file and no part."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.upload_store import UploadStore
from scriptorium.contracts import UploadStatus
from scriptorium.errors import Conflict, FileTooLarge, InvalidRequest, UploadMissing


class BrokenStream(io.RawIOBase):
    """A stream that breaks off."""

    def read(self, size: int = -1) -> bytes:
        raise OSError("the client has left")


@pytest.fixture(scope="module")
def make_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[UploadStore, FileStore, Path]]:
    def make() -> tuple[UploadStore, FileStore, Path]:
        root = tmp_path_factory.mktemp("volume")
        files = FileStore(root / "files")
        return UploadStore(root / "uploads", files), files, root

    return make


@given(pieces=st.lists(st.binary(max_size=40), min_size=1, max_size=6))
def test_the_parts_in_their_order_are_the_file(
    make_store: Callable[[], tuple[UploadStore, FileStore, Path]], pieces: list[bytes]
) -> None:
    uploads, files, _ = make_store()
    content = b"".join(pieces) + b"."
    upload = uploads.create(len(content), "book.txt", "fine-tune")
    part_ids = [uploads.add_part(upload.id, io.BytesIO(piece)).id for piece in (b".", *reversed(pieces))]
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    completed = uploads.complete(upload.id, part_ids[::-1], digest.upper())
    assert completed.file_id is not None
    assert files.content(completed.file_id).read_bytes() == content


def test_completions_at_the_same_moment_make_one_file(
    make_store: Callable[[], tuple[UploadStore, FileStore, Path]],
) -> None:
    uploads, files, _ = make_store()
    upload = uploads.create(1000, "book.txt", "fine-tune")
    part = uploads.add_part(upload.id, io.BytesIO(b"x" * 1000))
    with ThreadPoolExecutor(8) as pool:
        completed = list(pool.map(lambda _: uploads.complete(upload.id, [part.id]), range(8)))
    assert len({one.file_id for one in completed}) == 1
    assert len(files.newest()) == 1


def test_what_fails_leaves_nothing(make_store: Callable[[], tuple[UploadStore, FileStore, Path]]) -> None:
    uploads, files, root = make_store()
    upload = uploads.create(10, "book.txt", "fine-tune")
    with pytest.raises(OSError, match="has left"):
        uploads.add_part(upload.id, cast(BinaryIO, BrokenStream()))
    with pytest.raises(FileTooLarge):
        uploads.add_part(upload.id, io.BytesIO(b"x" * 11))
    assert [path.name for path in (root / "uploads" / upload.id).glob("part_*")] == []
    part = uploads.add_part(upload.id, io.BytesIO(b"x" * 10))
    with pytest.raises(InvalidRequest, match="MD5"):
        uploads.complete(upload.id, [part.id], "0" * 32)
    assert files.newest() == []
    assert list((root / "files").glob("*")) == []
    assert uploads.get(upload.id).status is UploadStatus.PENDING


def test_an_upload_that_ended_takes_no_part(make_store: Callable[[], tuple[UploadStore, FileStore, Path]]) -> None:
    uploads, _, root = make_store()
    upload = uploads.create(10, "book.txt", "fine-tune")
    uploads.cancel(upload.id)
    with pytest.raises(Conflict):
        uploads.add_part(upload.id, io.BytesIO(b"x"))
    (root / "uploads" / upload.id / "upload.json").write_text("torn")
    with pytest.raises(UploadMissing):
        uploads.get(upload.id)
