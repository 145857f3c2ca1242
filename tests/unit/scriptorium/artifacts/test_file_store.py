import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.file_store import FileStore
from scriptorium.errors import FileMissing, FileTooLarge


def test_a_file_comes_back_as_it_went_in(tmp_path: Path) -> None:
    files = FileStore(tmp_path)
    stored = files.add(io.BytesIO(b"a book"), "book.txt", "fine-tune")
    assert files.get(stored.id) == stored
    assert files.content(stored.id).read_bytes() == b"a book"
    assert stored.bytes == 6
    assert files.newest() == [stored]
    files.delete(stored.id)
    with pytest.raises(FileMissing):
        files.get(stored.id)


def test_a_file_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileTooLarge, match="more than 4 bytes"):
        FileStore(tmp_path).add(io.BytesIO(b"a book"), "book.txt", "fine-tune", limit=4)
    assert list(tmp_path.iterdir()) == []


@given(name=st.text(max_size=60))
def test_a_name_never_becomes_a_path(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("files")
    stored = FileStore(root).add(io.BytesIO(b"x"), name, "fine-tune")
    assert "/" not in stored.filename
    assert "\\" not in stored.filename
    assert sorted(path.name for path in (root / stored.id).iterdir()) == ["content", "file.json"]


@given(identifier=st.text(max_size=60) | st.just("../../etc/passwd"))
def test_an_unknown_id_is_a_404_and_never_a_path(identifier: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(FileMissing):
        FileStore(tmp_path_factory.mktemp("files")).content(identifier)


def test_an_upload_is_synced_up_to_the_folder_that_lists_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def record_fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_fsync)
    stored = FileStore(tmp_path / "files").add(io.BytesIO(b"a book"), "book.txt", "fine-tune")
    assert synced[0] == "content"
    assert synced[1].startswith("file.json.")
    assert synced[2:] == [stored.id, "files"]


@pytest.mark.parametrize("body", [b"", b"\xff", b"{}"])
def test_a_broken_record_of_a_file_hides_no_other(
    tmp_path: Path, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    files = FileStore(tmp_path)
    stored, broken = (files.add(io.BytesIO(b"a book"), "book.txt", "fine-tune") for _ in range(2))
    (tmp_path / broken.id / "file.json").write_bytes(body)
    assert files.newest() == [stored]
    assert str(tmp_path / broken.id / "file.json") in caplog.text


def test_a_result_of_the_same_name_is_replaced_by_another_file_and_kept_if_it_is_the_same(tmp_path: Path) -> None:
    files = FileStore(tmp_path / "files")
    first, second, copy = (tmp_path / name for name in ("first", "second", "copy"))
    first.write_text("one")
    copy.write_text("one")
    second.write_text("two")
    (one,) = files.add_results({"ftjob-1-report.json": first})
    assert files.add_results({"ftjob-1-report.json": first}) == [one]
    assert files.add_results({"ftjob-1-report.json": copy}) == [one]  # a volume that was moved has no links
    (two,) = files.add_results({"ftjob-1-report.json": second})
    assert files.content(two).read_text() == "two"
    assert files.existing([one, two]) == [two]
