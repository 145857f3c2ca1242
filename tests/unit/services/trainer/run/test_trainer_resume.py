import json
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import whole_checkpoints
from services.trainer.run.metrics_csv import read_metrics
from services.trainer.run.resume import hand_on


def save(attempt: Path, step: int, dev_loss: float | None = None, *, whole: bool = True) -> None:
    folder = attempt / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(f"weights {step}")
    if whole:
        manifest.write(folder, {"step": step, "created_at": 1, "train_loss": 2.0, "dev_loss": dev_loss})


def write_metrics(attempt: Path, steps: int) -> None:
    lines = [json.dumps({"step": step, "max_steps": 9, "loss": 3.0}) + "\n" for step in range(1, steps + 1)]
    (attempt / "metrics.jsonl").write_text("".join(lines) + '{"step": 9')


def test_the_next_attempt_gets_whole_checkpoints_and_the_metrics_up_to_there(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3)
    save(first, 6)
    save(first, 9, whole=False)
    write_metrics(first, 8)
    hand_on([first], second)
    assert [checkpoint.step for checkpoint in whole_checkpoints(second)] == [3, 6]
    assert [line["step"] for line in read_metrics(second / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert not (second / "checkpoints" / "checkpoint-9").exists()


def test_of_several_attempts_the_one_that_got_furthest_is_taken_up(tmp_path: Path) -> None:
    for name, steps in (("1", (3, 6)), ("2", (3,)), ("3", ())):
        (tmp_path / name).mkdir()
        for step in steps:
            save(tmp_path / name, step)
        write_metrics(tmp_path / name, 9)
    target = tmp_path / "4"
    target.mkdir()
    hand_on([tmp_path / name for name in "123"], target)
    assert [checkpoint.step for checkpoint in whole_checkpoints(target)] == [3, 6]


def test_a_zombie_that_goes_on_writing_does_not_touch_what_was_handed_on(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3)
    hand_on([first], second)
    (first / "checkpoints" / "checkpoint-3" / "adapter_model.safetensors").unlink()
    assert manifest.whole(second / "checkpoints" / "checkpoint-3")


def test_nothing_is_handed_on_where_nothing_is_whole(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3, whole=False)
    hand_on([first], second)
    assert list(second.iterdir()) == []
