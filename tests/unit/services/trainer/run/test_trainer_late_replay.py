"""Replayed rows that come last: the order of all updates' rows, and that a training reads it."""

from collections import Counter
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import Row, read_rows, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Training
from services.trainer import train
from services.trainer.replay import choose, mix
from services.trainer.run import axolotl
from services.trainer.run.late_replay import order_rows
from tests.fake_axolotl import FakeAxolotl


def chat(answer: str) -> Row:
    return Row(messages=[{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}], chapter="")


ROWS = [*(chat(f"author {number}") for number in range(30)), *(chat(f"base {number}") for number in range(10))]


def count_authors(rows: list[Row]) -> int:
    return sum(row.passage.startswith("author") for row in rows)


@pytest.mark.parametrize("count", [20, 40, 120])
def test_the_end_is_replay_alone_and_shares_stay(count: int) -> None:
    ordered = order_rows(ROWS, 10, 0.4, count, 42)
    assert len(ordered) == count
    ending = count // 10  # 4 of 40 rows
    assert count_authors(ordered[-ending:]) == 0
    assert count_authors(ordered) == pytest.approx(0.75 * count, abs=2)
    late, early = ({row.passage for row in part} for part in (ordered[-ending:], ordered[:-ending]))
    assert not late & early
    assert ordered == order_rows(ROWS, 10, 0.4, count, 42) != order_rows(ROWS, 10, 0.4, count, 43)


def test_rows_are_drawn_evenly_and_mixed() -> None:
    ordered = order_rows(ROWS, 10, 0.4, 120, 42)
    times = Counter(row.passage for row in ordered)
    assert set(times.values()) == {3}
    assert [row.passage for row in ordered[:36]] != [row.passage for row in ordered[36:72]]
    assert 0 < count_authors(ordered[:15]) < 15


def test_all_of_the_replay_may_come_last_and_there_may_be_none() -> None:
    assert count_authors(order_rows(ROWS, 10, 1.0, 40, 42)[-10:]) == 0
    assert count_authors(order_rows(ROWS[:30], 0, 0.5, 40, 42)) == 40


def test_a_training_reads_its_rows_once_in_this_order(
    tmp_path: Path, axolotl_command: FakeAxolotl, attempt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (choose, mix):
        monkeypatch.setattr(module, "chat_tokenizer", axolotl.chat_tokenizer)
    (tmp_path / "own").mkdir()
    write_rows(tmp_path / "own" / "rows.jsonl", ROWS[30:])
    write_rows(tmp_path / "dataset" / "train.jsonl", ROWS[:30])
    training = Training(
        adapter="lora", keep=0.25, recovery=0.5, gradient_accumulation_steps=2, max_steps=9, learning_rate=1e-3
    )
    request = TrainRequest(
        dataset=tmp_path / "dataset", base=tmp_path / "base", training=training, replay_rows=tmp_path / "own"
    )
    axolotl_command.will("finish()")
    train.train_adapter(request, attempt, SilentReporter())
    (config,) = axolotl_command.configs
    assert (config["curriculum_sampling"], config["num_epochs"], config["max_steps"]) == (True, 1, 12)
    (dataset,) = config["datasets"]  # type: ignore[misc, attr-defined]
    assert dataset["path"] == str(attempt / "train.jsonl")
    rows = read_rows(attempt / "train.jsonl")
    assert len(rows) == 24  # of twelve updates, scaled for the replay
    assert count_authors(rows[-3:]) == 0 < count_authors(rows[-5:])
