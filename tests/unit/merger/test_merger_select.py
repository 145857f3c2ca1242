"""The best checkpoint, a given one, and those that do not count."""

from pathlib import Path

import pytest

from scriptorium import manifest
from scriptorium.errors import MergeFailed
from services.merger.select import select_checkpoint


def write(training: Path, step: int, loss: float | None) -> Path:
    folder = training / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"1234")
    manifest.write(folder, {"step": step, "created_at": 0, "train_loss": 1.0, "dev_loss": loss})
    return folder


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ({5: 3.2, 10: 3.1, 15: 3.4}, 10),
        ({5: 3.1, 10: 3.1}, 5),
        ({100: 3.1, 20: 3.1}, 20),
        ({5: None, 10: 3.9, 15: None}, 10),
        ({5: None, 100: None, 20: None}, 100),
        ({5: float("nan"), 10: 3.5}, 10),
        ({5: 3.5, 10: float("-inf")}, 5),
        ({5: 0.0, 10: 0.1}, 5),
    ],
)
def test_lowest_dev_loss_then_earliest_then_last(tmp_path: Path, losses: dict[int, float | None], chosen: int) -> None:
    for step, loss in losses.items():
        write(tmp_path, step, loss)
    assert select_checkpoint(tmp_path).step == chosen


def test_a_given_step_is_taken(tmp_path: Path) -> None:
    write(tmp_path, 5, 3.0)
    write(tmp_path, 10, 4.0)
    chosen = select_checkpoint(tmp_path, 10)
    assert (chosen.step, chosen.dev_loss) == (10, 4.0)


def test_an_absent_step_names_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, 10, 3.0)
    write(tmp_path, 5, 3.0)
    with pytest.raises(MergeFailed, match="no checkpoint 7") as caught:
        select_checkpoint(tmp_path, 7)
    assert caught.value.next_step == "Choose one of: 5, 10."
    assert caught.value.param == "checkpoint"


def test_half_written_checkpoints_are_not_seen(tmp_path: Path) -> None:
    write(tmp_path, 5, 3.0)
    (write(tmp_path, 10, 2.0) / "manifest.json").unlink()
    (write(tmp_path, 15, 1.0) / "adapter_model.safetensors").write_bytes(b"12")
    (write(tmp_path, 20, 0.5) / "manifest.json").write_text('{"step": 20, "files"')
    assert select_checkpoint(tmp_path).step == 5
    with pytest.raises(MergeFailed, match="no checkpoint 20"):
        select_checkpoint(tmp_path, 20)


def test_no_whole_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(MergeFailed, match="no whole checkpoint"):
        select_checkpoint(tmp_path)
