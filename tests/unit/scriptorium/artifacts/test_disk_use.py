import os
from pathlib import Path

from scriptorium.artifacts.disk_use import removable_bytes

BLOCK = b"x" * (1 << 20)


def test_the_bytes_of_folders_and_files_are_added(tmp_path: Path) -> None:
    folder = tmp_path / "folder" / "below"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(BLOCK)
    (tmp_path / "b").write_bytes(BLOCK)
    assert 2 << 20 <= removable_bytes([tmp_path / "folder", tmp_path / "b"]) < 3 << 20
    assert removable_bytes([tmp_path / "missing"]) == 0


def test_a_file_counts_once_and_only_if_every_link_to_it_goes(tmp_path: Path) -> None:
    run, files = tmp_path / "run", tmp_path / "files"
    run.mkdir()
    files.mkdir()
    (run / "weights").write_bytes(BLOCK)
    os.link(run / "weights", run / "again")
    assert 1 << 20 <= removable_bytes([run]) < 2 << 20
    os.link(run / "weights", files / "content")
    assert removable_bytes([run]) < 1 << 20
    assert 1 << 20 <= removable_bytes([run, files]) < 2 << 20


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    elsewhere.mkdir()
    folder.mkdir()
    (elsewhere / "weights").write_bytes(BLOCK)
    (folder / "link").symlink_to(elsewhere)
    assert removable_bytes([folder]) < 1 << 20
