import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts import manifest


def test_a_manifest_lists_every_file_with_its_hash(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("abc")
    manifest.write(tmp_path, {"step": 3})
    body = manifest.read(tmp_path)
    assert body is not None
    assert body["step"] == 3
    assert body["files"]["sub/a.txt"]["bytes"] == 3
    assert body["files"]["sub/a.txt"]["sha256"].startswith("ba7816bf")
    assert manifest.is_complete(tmp_path)


def test_a_folder_without_its_manifest_or_a_file_is_not_whole(tmp_path: Path) -> None:
    assert not manifest.is_complete(tmp_path)
    (tmp_path / "a").write_text("abc")
    manifest.write(tmp_path, {})
    (tmp_path / "a").write_text("ab")
    assert not manifest.is_complete(tmp_path)
    (tmp_path / "a").unlink()
    assert not manifest.is_complete(tmp_path)


@given(cut=st.integers(0, 60))
def test_a_torn_manifest_counts_as_none(cut: int, tmp_path_factory: object) -> None:
    folder: Path = tmp_path_factory.mktemp("torn")  # type: ignore[attr-defined]
    text = json.dumps({"files": {"a": {"bytes": 1, "sha256": "0" * 64}}})
    (folder / manifest.NAME).write_text(text[:cut])
    assert manifest.read(folder) is None
