"""How far a batch is: the file's writer and its reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from scriptorium.artifacts import writing_progress
from scriptorium.artifacts.writing_progress import ProgressFile, ProgressWatch, read_progress


def test_the_file_is_replaced_at_most_once_a_second(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "progress.json")
    for tokens in range(1, 100):
        file.write("answers", 48, 400, tokens)
    assert str(read_progress(tmp_path / "progress.json")) == "48 answers, 1 of at most 400 tokens each"
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tokens": 1}'])
def test_a_file_that_a_crash_has_torn_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "progress.json").write_text(content)
    assert read_progress(tmp_path / "progress.json") is None


def test_a_file_that_cannot_be_written_ends_no_work(tmp_path: Path) -> None:
    ProgressFile(tmp_path / "nowhere" / "progress.json").write("answers", 48, 400, 7)
    assert read_progress(tmp_path / "nowhere" / "progress.json") is None


def test_news_are_what_changed_and_not_too_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_progress, "REPORT_INTERVAL", 0.0)
    monkeypatch.setattr(writing_progress, "WRITE_INTERVAL", 0.0)
    path = tmp_path / "progress.json"
    file, watch = ProgressFile(path), ProgressWatch(path)
    assert watch.news() is None
    file.write("answers", 48, 400, 7)
    assert watch.news() == read_progress(path)
    assert watch.news() is None
    file.write("answers", 48, 400, 8)
    monkeypatch.setattr(writing_progress, "REPORT_INTERVAL", 60.0)
    assert watch.news() is None
    watch.clear()
    assert list(tmp_path.iterdir()) == []
