"""Bases and checkpoints with an unexpected hash are refused, and every such file is named."""

from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.errors import BaseModelUnusable, MergeFailed
from services.merger.inputs.base import open_base
from services.merger.inputs.hashes import check_base, check_checkpoint
from tests.unit.services.merger.merger_models import write_base, write_checkpoint

SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


def flip(path: Path) -> None:
    """Change the last byte, which no header shows."""
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_base(tmp_path / "base", shards=3)


def test_without_a_known_hash_nothing_is_read(base: Path) -> None:
    assert check_base(open_base(base), {}) == 0


def test_a_manifest_in_the_folder(base: Path) -> None:
    manifest.write(base, {})
    assert check_base(open_base(base), {}) == 3
    flip(base / SHARDS[0])
    flip(base / SHARDS[2])
    with pytest.raises(BaseModelUnusable) as caught:
        check_base(open_base(base), {})
    assert [problem.place for problem in caught.value.problems] == [SHARDS[0], SHARDS[2]]


def test_the_hashes_of_the_base_that_was_trained_on(base: Path) -> None:
    known = {name: manifest.hash_file(base / name) for name in SHARDS}
    assert check_base(open_base(base), known) == 3
    with pytest.raises(BaseModelUnusable, match="1 file") as caught:
        check_base(open_base(base), known | {SHARDS[1]: "0" * 64})
    assert [problem.place for problem in caught.value.problems] == [SHARDS[1]]


def test_the_hubs_cache_names_files_by_their_hash(base: Path) -> None:
    shard, blobs = base / SHARDS[0], base.parent / "blobs"
    blobs.mkdir()
    blob = blobs / manifest.hash_file(shard)
    shard.rename(blob)
    shard.symlink_to(blob)
    assert check_base(open_base(base), {}) == 1
    flip(blob)
    with pytest.raises(BaseModelUnusable):
        check_base(open_base(base), {})


def test_a_checkpoint_that_was_changed_after_it_was_saved(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "training")
    (folder / "optimizer.pt").write_bytes(b"large")
    manifest.write(folder, {})
    assert check_checkpoint(folder)["adapter_model.safetensors"]
    flip(folder / "adapter_model.safetensors")
    flip(folder / "chat_template.jinja")
    flip(folder / "optimizer.pt")
    with pytest.raises(MergeFailed) as caught:
        check_checkpoint(folder)
    assert [problem.place for problem in caught.value.problems] == ["adapter_model.safetensors", "chat_template.jinja"]
