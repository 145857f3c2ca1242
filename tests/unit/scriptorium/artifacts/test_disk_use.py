import os
from pathlib import Path

from scriptorium.artifacts.disk_use import measure_disk_use, removable_bytes
from scriptorium.artifacts.volume import Volume

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


def test_each_byte_has_one_kind_whatever_names_and_folders_it_has(tmp_path: Path) -> None:
    volume = Volume(tmp_path / "data", tmp_path / "data" / "assets" / "models")
    sizes = {
        volume.run("ftjob-1") / "merged" / "model": 8,
        volume.run("ftjob-2") / "job.json": 1,
        volume.files / "a" / "content": 4,
        volume.models / "tiny" / "weights": 16,
        tmp_path / "cache" / "kernel": 2,
        tmp_path / "data" / "replay" / "x": 32,
    }
    for path, size in sizes.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(BLOCK * size)
    (volume.files / "result").mkdir()
    (volume.files / "result" / "content").hardlink_to(volume.run("ftjob-1") / "merged" / "model")
    use = measure_disk_use(volume, tmp_path / "cache", tmp_path / "data" / "logs", 1)
    mebibytes = {entry.kind.value: entry.bytes // len(BLOCK) for entry in use.kinds}
    assert mebibytes == {"runs": 9, "uploads": 4, "models": 16, "caches": 2, "logs": 0, "other": 32}
    assert use.total_bytes == sum(entry.bytes for entry in use.kinds)
    assert [(run.job, run.bytes // len(BLOCK)) for run in use.jobs] == [("ftjob-1", 8)]
    assert use.free_bytes > 0
