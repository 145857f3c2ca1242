from scriptorium.contracts.report.document import LossPoint
from scriptorium.html.training_losses import read_losses


def test_reads_train_and_dev(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"time": 1.0, "step": 3, "max_steps": 45, "loss": 3.4, "learning_rate": 0.001, "epoch": 0.2}\n'
        '{"step": 6, "eval_loss": 3.48}\n'
        '{"step": 6, "loss": 3.2}\n'
    )
    losses = read_losses(path)
    assert losses.train == [LossPoint(step=3, loss=3.4), LossPoint(step=6, loss=3.2)]
    assert losses.dev == [LossPoint(step=6, loss=3.48)]


def test_a_torn_last_line_and_other_lines_are_passed_over(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(
        b'{"step": 1, "loss": 3.4}\n[1]\n{"step": 2, "loss": NaN}\n{"train_runtime": 9}\n{"step": 3, "lo\xc3'
    )
    losses = read_losses(path)
    assert losses.train == [LossPoint(step=1, loss=3.4)]
    assert losses.dev == []


def test_a_resumed_training_logs_a_step_twice(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 3.4}\n{"step": 2, "loss": 3.3}\n{"step": 2, "loss": 3.1}\n')
    assert read_losses(path).train[-1] == LossPoint(step=2, loss=3.1)


def test_no_file(tmp_path):
    losses = read_losses(tmp_path / "absent.jsonl")
    assert losses.train == losses.dev == []


def test_a_training_by_preferences_is_told_by_its_log(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 0.69, "rewards/accuracies": 0.5}\n{"step": 2, "loss": 0.5}\n')
    assert read_losses(path).preferences
    path.write_text('{"step": 1, "loss": 3.4}\n')
    assert not read_losses(path).preferences
