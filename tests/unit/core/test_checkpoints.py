from scriptorium.checkpoints import best_checkpoint
from scriptorium.contracts import Checkpoint


def test_the_best_checkpoint_has_the_lowest_dev_loss() -> None:
    def at(step: int, dev_loss: float | None) -> Checkpoint:
        return Checkpoint(step=step, created_at=0, dev_loss=dev_loss)

    assert best_checkpoint([at(1, 3.0), at(2, 2.5), at(3, 2.5), at(4, None)]).step == 2
    assert best_checkpoint([at(1, None), at(2, None)]).step == 2
