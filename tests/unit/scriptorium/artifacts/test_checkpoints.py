from pathlib import Path

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, SummedLoss, checkpoint_losses_path
from scriptorium.artifacts.checkpoints import best_checkpoint, checkpoint_folder, complete_checkpoints
from scriptorium.contracts import Checkpoint


def test_the_best_checkpoint_has_the_lowest_dev_loss() -> None:
    def at(step: int, dev_loss: float | None) -> Checkpoint:
        return Checkpoint(step=step, created_at=0, dev_loss=dev_loss)

    assert best_checkpoint([at(1, 3.0), at(2, 2.5), at(3, 2.5), at(4, None)]).step == 2
    assert best_checkpoint([at(1, None), at(2, None)]).step == 2


def test_a_checkpoint_has_the_selectivity_measured_after_training(tmp_path: Path) -> None:
    for step in (3, 6):
        folder = checkpoint_folder(tmp_path, step)
        folder.mkdir(parents=True)
        manifest.write(folder, {"step": step, "created_at": 0, "train_loss": 1.0, "dev_loss": 3.0})
    others_on_base, others = [SummedLoss(loss=40, tokens=10)], [SummedLoss(loss=35, tokens=10)]
    losses = BaseLosses(
        passages=[SummedLoss(loss=30, tokens=10)],
        references=[],
        without=others_on_base,
        others=others,
        others_without=others_on_base,
    )
    checkpoint_losses_path(tmp_path, 3).parent.mkdir()
    checkpoint_losses_path(tmp_path, 3).write_text(CheckpointLosses(step=3, bases={"stored": losses}).model_dump_json())
    assert [checkpoint.selectivity for checkpoint in complete_checkpoints(tmp_path)] == [pytest.approx(0.5), None]
