import json
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import CheckpointSample, append_samples, read_samples
from scriptorium.artifacts.checkpoints import complete_checkpoints
from scriptorium.artifacts.training_log import read_training_log
from services.trainer.run.resume import begin_anew, fits_rank, is_finished, resume_training, rewind


def save(attempt: Path, step: int, dev_loss: float | None = None, *, complete: bool = True) -> None:
    folder = attempt / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(f"weights {step}")
    if complete:
        manifest.write(folder, {"step": step, "created_at": 1, "train_loss": 2.0, "dev_loss": dev_loss})


def write_metrics(attempt: Path, steps: int) -> None:
    lines = [json.dumps({"step": step, "max_steps": 9, "loss": 3.0}) + "\n" for step in range(1, steps + 1)]
    (attempt / "metrics.jsonl").write_text("".join(lines) + '{"step": 9')


def test_the_next_attempt_gets_complete_checkpoints_and_the_metrics_up_to_there(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3)
    save(first, 6)
    save(first, 9, complete=False)
    write_metrics(first, 8)
    append_samples(first, [CheckpointSample(step, 0, "Once.", True) for step in (0, 3, 6, 9)])
    resume_training([first], second)
    assert [sample.step for sample in read_samples(second)] == [0, 3, 6]
    assert [checkpoint.step for checkpoint in complete_checkpoints(second)] == [3, 6]
    assert [line["step"] for line in read_training_log(second / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]
    assert not (second / "checkpoints" / "checkpoint-9").exists()


def test_curves_are_shown_once(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    (first / "tensorboard").mkdir(parents=True)
    resume_training([first], second)
    assert not (first / "tensorboard").exists()


def test_of_several_attempts_the_one_that_got_furthest_is_resumed(tmp_path: Path) -> None:
    for name, steps in (("1", (3, 6)), ("2", (3,)), ("3", ())):
        (tmp_path / name).mkdir()
        for step in steps:
            save(tmp_path / name, step)
        write_metrics(tmp_path / name, 9)
    target = tmp_path / "4"
    target.mkdir()
    resume_training([tmp_path / name for name in "123"], target)
    assert [checkpoint.step for checkpoint in complete_checkpoints(target)] == [3, 6]


def test_attempts_from_before_one_that_began_anew_are_not_resumed(tmp_path: Path) -> None:
    first, second, third, fourth = (tmp_path / name for name in "1234")
    save(first, 6)
    second.mkdir()
    begin_anew(second)
    resume_training([first, second], third)
    assert not third.exists()
    save(third, 2)
    fourth.mkdir()
    resume_training([first, second, third], fourth)
    assert [checkpoint.step for checkpoint in complete_checkpoints(fourth)] == [2]


def test_a_zombie_that_keeps_writing_does_not_touch_the_resumed_files(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3)
    resume_training([first], second)
    (first / "checkpoints" / "checkpoint-3" / "adapter_model.safetensors").unlink()
    assert manifest.is_complete(second / "checkpoints" / "checkpoint-3")


def test_nothing_is_resumed_if_nothing_is_complete(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    second.mkdir()
    save(first, 3, complete=False)
    resume_training([first], second)
    assert list(second.iterdir()) == []


def test_another_start_in_the_same_folder_goes_on_from_what_is_whole(tmp_path: Path) -> None:
    save(tmp_path, 3)
    save(tmp_path, 6, complete=False)
    write_metrics(tmp_path, 8)
    append_samples(tmp_path, [CheckpointSample(step, 0, "It was.", ended=True) for step in (0, 3, 6)])
    (tmp_path / "control").write_text("stop")
    rewind(tmp_path)
    assert [sample.step for sample in read_samples(tmp_path)] == [0, 3]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["checkpoint-3"]
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 3  # what was torn is gone: lines can be appended
    assert [line["step"] for line in read_training_log(tmp_path / "metrics.jsonl")] == [1, 2, 3]
    assert not (tmp_path / "control").exists()


def test_a_training_is_finished_at_its_last_step_or_where_it_was_stopped_early(tmp_path: Path) -> None:
    write_metrics(tmp_path, 6)
    save(tmp_path, 6)
    assert not is_finished(tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write("\n" + json.dumps({"step": 6, "max_steps": 9, "event": "end", "reason": "early_stop"}) + "\n")
    assert is_finished(tmp_path)
    save(tmp_path, 9)
    assert is_finished(tmp_path)


def test_a_checkpoint_fits_an_adapter_of_its_rank(tmp_path: Path) -> None:
    assert fits_rank(tmp_path, 64)
    save(tmp_path, 3)
    assert fits_rank(tmp_path, 64)
    (tmp_path / "checkpoints" / "checkpoint-3" / "adapter_config.json").write_text('{"r": 64}')
    assert fits_rank(tmp_path, 64)
    assert not fits_rank(tmp_path, 32)
    begin_anew(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["begun_anew"]
