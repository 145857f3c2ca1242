"""The training log: what is appended can be read and followed, and an incomplete line stops nobody."""

from pathlib import Path

from scriptorium.artifacts.training_log import TrainingLogTail, append_to_log, read_training_log, write_training_csv

LINES = [{"step": 1, "loss": 3.4}, {"step": 2, "loss": 3.3}, {"step": 2, "eval_loss": 3.5}]


def test_lines_are_read_as_they_were_appended(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_training_log(path) == []
    append_to_log(path, LINES[:1])
    append_to_log(path, LINES[1:])
    assert read_training_log(path) == LINES


def test_a_line_that_a_killed_writer_left_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_to_log(path, LINES)
    with path.open("ab") as file:
        file.write(b'[1]\n{"step": 3, "lo\xc3')
    assert read_training_log(path) == LINES


def test_a_follower_sees_each_line_once_and_waits_for_the_rest_of_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_to_log(path, LINES[:1])
    tail = TrainingLogTail(path)  # begins at the end
    append_to_log(path, LINES[1:2])
    with path.open("a") as file:
        file.write('{"step": 2, ')
    assert list(tail.read()) == LINES[1:2]
    with path.open("a") as file:
        file.write('"eval_loss": 3.5}\n')
    assert list(tail.read()) == LINES[2:]
    assert list(tail.read()) == []


def test_the_csv_has_a_row_per_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    write_training_csv([{"step": 0, "event": "begin"}, *LINES], path)
    assert path.read_text().splitlines() == [
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy",
        "1,3.4,,,",
        "2,3.3,,3.5,",
    ]
