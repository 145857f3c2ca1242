"""readings.jsonl only grows, survives a torn line, and is shared by threads."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scriptorium.errors import DiskFull
from services.api.blind_reading.answers import Answer, Answers


def answer(reader: str = "Ann", passage: int = 1, **changes: object) -> Answer:
    said = {
        "reader": reader,
        "passage": passage,
        "created_at": 1,
        "first": "tuned",
        "closer": "tuned",
        "better": "base",
    }
    return Answer.model_validate({**said, **changes})


def test_answers_are_read_back_in_order(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "readings.jsonl")
    assert answers.all() == []
    given = [answer(passage=2), answer("Bob"), answer()]
    for said in given:
        answers.add(said)
    assert answers.all() == given
    assert answers.of("Ann") == {2: given[0], 1: given[2]}


def test_the_same_answer_is_kept_once_and_a_new_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    answers = Answers(path)
    answers.add(answer())
    answers.add(answer(created_at=2))
    assert len(path.read_text().splitlines()) == 1
    answers.add(answer(passage=2))
    answers.add(answer(better="tuned", created_at=3))
    assert len(path.read_text().splitlines()) == 3
    assert [said.better for said in answers.all()] == ["tuned", "base"]


def test_the_seed_is_drawn_once(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    with ThreadPoolExecutor(8) as pool:
        seeds = set(pool.map(lambda _: Answers(path).seed(), range(32)))
    assert len(seeds) == 1
    assert len(path.read_text().splitlines()) == 1
    assert Answers(tmp_path / "other.jsonl").seed() not in seeds


def test_threads_lose_and_tear_nothing(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Answers(path).add(answer(str(number % 5), number // 10)), range(200)))
    assert len(Answers(path).all()) == len(path.read_text().splitlines()) == 100


def test_a_torn_line_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "readings.jsonl"
    answers = Answers(path)
    seed = answers.seed()
    answers.add(answer())
    with path.open("ab") as file:
        file.write(b'{"reader": "Bo')
    answers.add(answer("Cid"))
    assert [said.reader for said in answers.all()] == ["Ann", "Cid"]
    assert answers.seed() == seed


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        Answers(tmp_path / "readings.jsonl").add(answer())
