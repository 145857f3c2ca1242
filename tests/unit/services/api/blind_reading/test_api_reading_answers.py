"""readings.jsonl only grows, survives a torn line, and is shared by threads."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scriptorium.errors import DiskFull
from services.api.blind_reading.answers import ReaderAnswer, ReadingsFile


def answer(reader: str = "Ann", passage: int = 1, **changes: object) -> ReaderAnswer:
    fields = {
        "reader": reader,
        "passage": passage,
        "created_at": 1,
        "first": "tuned",
        "closer": "tuned",
        "better": "base",
    }
    return ReaderAnswer.model_validate({**fields, **changes})


def test_answers_are_read_back_in_order(tmp_path: Path) -> None:
    answers = ReadingsFile(tmp_path / "readings.jsonl")
    assert answers.all() == []
    expected = [answer(passage=2), answer("Bob"), answer()]
    for entry in expected:
        answers.add(entry)
    assert answers.all() == expected
    assert answers.of_reader("Ann") == {2: expected[0], 1: expected[2]}


def test_the_same_answer_is_kept_once_and_a_new_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    answers = ReadingsFile(path)
    answers.add(answer())
    answers.add(answer(created_at=2))
    assert len(path.read_text().splitlines()) == 1
    answers.add(answer(passage=2))
    answers.add(answer(better="tuned", created_at=3))
    assert len(path.read_text().splitlines()) == 3
    assert [entry.better for entry in answers.all()] == ["tuned", "base"]


def test_the_seed_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    with ThreadPoolExecutor(8) as pool:
        seeds = set(pool.map(lambda _: ReadingsFile(path).seed(), range(32)))
    assert len(seeds) == 1
    assert len(path.read_text().splitlines()) == 1
    assert ReadingsFile(tmp_path / "other.jsonl").seed() not in seeds


def test_threads_lose_and_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ReadingsFile(path).add(answer(str(number % 5), number // 10)), range(200)))
    assert len(ReadingsFile(path).all()) == len(path.read_text().splitlines()) == 100


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    answers = ReadingsFile(path)
    seed = answers.seed()
    answers.add(answer())
    with path.open("ab") as file:
        file.write(b'{"reader": "Bo')
    answers.add(answer("Cid"))
    assert [entry.reader for entry in answers.all()] == ["Ann", "Cid"]
    assert answers.seed() == seed


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        ReadingsFile(tmp_path / "readings.jsonl").add(answer())
