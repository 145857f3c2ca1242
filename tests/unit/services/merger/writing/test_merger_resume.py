"""Finished shards survive their attempt; half-written, foreign and changed ones do not."""

import os
from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.errors import Cancelled
from scriptorium.jobs.reporter import SilentReporter
from services.merger import shards
from services.merger.merge import merge_adapter
from services.merger.writing.resume import resume_merge
from tests.unit.services.merger.merger_models import (
    adapter_arrays,
    load_model,
    write_adapter,
    write_base,
    write_checkpoint,
)


class Attempts:
    """Attempts at one merge of three shards, the first of which is stopped after two."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        write_base(root / "base", shards=3)
        write_checkpoint(root / "training")
        self.reporter = SilentReporter()
        finish, done = shards.ShardWriter.finish, []

        def stop_at_the_third(writer: shards.ShardWriter) -> None:
            if len(done) == 2:
                raise Cancelled("in time")
            finish(writer)
            done.append(writer)

        with monkeypatch.context() as patch:
            patch.setattr(shards.ShardWriter, "finish", stop_at_the_third)
            with pytest.raises(Cancelled):
                self.run(1)
        self.first = root / "1"

    def run(self, number: int) -> MergeResult:
        folder = self.root / str(number)
        folder.mkdir()
        resume_merge([self.root / str(earlier) for earlier in range(1, number)], folder)
        request = MergeRequest(base=self.root / "base", training=self.root / "training")
        return merge_adapter(request, folder, self.reporter)


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    return Attempts(tmp_path, monkeypatch)


def test_the_next_attempt_goes_on_at_the_shard_it_was_at(attempts: Attempts) -> None:
    inodes = {path.name: path.stat().st_ino for path in attempts.first.glob("*.safetensors")}
    assert len(inodes) == 2
    assert len(list(attempts.first.glob("*.part"))) == 1
    assert attempts.run(2).resumed_shards == 2
    assert not list(attempts.first.glob("*.part"))
    for name, inode in inodes.items():
        assert (attempts.root / "2" / name).stat().st_ino == inode
    assert not (attempts.root / "2" / "finished").exists()


def test_a_third_attempt_takes_over_what_the_second_took_over(attempts: Attempts) -> None:
    (attempts.root / "2").mkdir()
    resume_merge([attempts.first], attempts.root / "2")
    assert attempts.run(3).resumed_shards == 2


def test_a_shard_without_its_record_is_written_again(attempts: Attempts) -> None:
    next((attempts.first / "finished").iterdir()).unlink()
    assert attempts.run(2).resumed_shards == 1


@pytest.mark.parametrize("change", ["adapter", "base"])
def test_a_shard_that_was_made_from_something_else_is_written_again(attempts: Attempts, change: str) -> None:
    if change == "adapter":
        arrays = {name: 2 * array for name, array in adapter_arrays().items()}
        folder = write_adapter(attempts.root / "training/checkpoints/checkpoint-6", arrays)
        manifest.write(folder, {"step": 6, "created_at": 0, "train_loss": None, "dev_loss": None})
    else:
        for path in (attempts.root / "base").glob("*.safetensors"):
            os.utime(path, (1, 1))
    assert attempts.run(2).resumed_shards == 0


def test_a_finished_shard_that_was_changed_is_noticed_and_written_again(attempts: Attempts) -> None:
    path = next(attempts.first.glob("*.safetensors"))
    body = path.read_bytes()
    path.write_bytes(body[:-1] + bytes([body[-1] ^ 1]))
    assert attempts.run(2).resumed_shards == 1
    assert any("faulty: writing it again" in message for message in attempts.reporter.messages)
    resumed = load_model(attempts.root / "2")
    (attempts.root / "other").mkdir()
    request = MergeRequest(base=attempts.root / "base", training=attempts.root / "training")
    merge_adapter(request, attempts.root / "other", SilentReporter())
    other = load_model(attempts.root / "other")
    assert {name: array.tobytes() for name, array in resumed.items()} == {n: a.tobytes() for n, a in other.items()}
