"""The file of measured runs: bounded, whole or not at all, and read by whoever asks."""

from pathlib import Path

import pytest
from planned import book, card, llama

from scriptorium.contracts.estimate import DurationParts
from scriptorium.planning import measured_runs
from scriptorium.planning.measured_runs import MeasuredRun, add_run, correction, nearest_runs, read_runs
from scriptorium.recipe import ResolvedTraining

DURATION = DurationParts(start=40, steps=120, evaluations=10, saving=5, measuring=20)
RUN = MeasuredRun(
    ended_at=1, machine="main", device=card(), shape=llama(), training=ResolvedTraining(), dataset=book(), updates=18,
    peak_bytes=15 * 1024**3, duration=DURATION,
)  # fmt: skip


def at(time: int, **changes: object) -> MeasuredRun:
    return RUN.model_copy(update={"ended_at": time, **changes})


def test_a_run_is_read_as_it_was_added(tmp_path: Path) -> None:
    assert read_runs(tmp_path / "new" / "runs.json") == []
    add_run(tmp_path / "new" / "runs.json", RUN)
    assert read_runs(tmp_path / "new" / "runs.json") == [RUN]


def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_runs, "MAX_RUNS", 3)
    for time in range(5):
        add_run(tmp_path / "runs.json", at(time))
    assert [run.ended_at for run in read_runs(tmp_path / "runs.json")] == [2, 3, 4]


@pytest.mark.parametrize("text", ["", "[{", '[{"ended_at": 1}]'])
def test_a_file_that_is_torn_or_of_another_version_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text(text)
    assert read_runs(tmp_path / "runs.json") == []
    add_run(tmp_path / "runs.json", RUN)
    assert read_runs(tmp_path / "runs.json") == [RUN]


def test_the_nearest_by_size_then_the_newest() -> None:
    short, long = book(row=700), book(row=3000)
    runs = [at(1), at(2, dataset=short), at(3), at(4, dataset=long), at(5)]
    nearest = nearest_runs(runs, ResolvedTraining(), llama(), book(), card())
    assert [run.ended_at for run in nearest] == [5, 3, 1]


def test_the_factor_is_the_median_within_bounds() -> None:
    assert correction([]) == 1
    assert correction([1.1, 9.0, 1.2]) == 1.2
    assert correction([0.01]) == 0.4
