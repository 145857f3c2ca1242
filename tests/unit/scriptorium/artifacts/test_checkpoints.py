from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import Measured, OnBase, Passage, measured_path
from scriptorium.artifacts.checkpoints import best_checkpoint, checkpoint_folder, whole_checkpoints
from scriptorium.contracts import Checkpoint


def test_the_best_checkpoint_has_the_lowest_dev_loss() -> None:
    def at(step: int, dev_loss: float | None) -> Checkpoint:
        return Checkpoint(step=step, created_at=0, dev_loss=dev_loss)

    assert best_checkpoint([at(1, 3.0), at(2, 2.5), at(3, 2.5), at(4, None)]).step == 2
    assert best_checkpoint([at(1, None), at(2, None)]).step == 2


def test_a_checkpoint_tells_what_was_measured_of_it(tmp_path: Path) -> None:
    for step in (3, 6):
        folder = checkpoint_folder(tmp_path, step)
        folder.mkdir(parents=True)
        manifest.write(folder, {"step": step, "created_at": 0, "train_loss": 1.0, "dev_loss": 3.0})
    before, after = [Passage(loss=40, tokens=10)], [Passage(loss=35, tokens=10)]
    on = OnBase(
        passages=[Passage(loss=30, tokens=10)], references=[], without=before, others=after, others_without=before
    )
    measured_path(tmp_path, 3).parent.mkdir()
    measured_path(tmp_path, 3).write_text(Measured(step=3, bases={"stored": on}).model_dump_json())
    assert [one.selectivity for one in whole_checkpoints(tmp_path)] == [pytest.approx(0.5), None]
