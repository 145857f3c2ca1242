from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.recipe import Split
from services.data.passage import Passage
from services.data.split import split_passages


def make(lengths: list[int], words: int = 100) -> list[Passage]:
    """Chapters of so many passages."""
    return [
        Passage(f"{chapter}.{number}", f"Chapter {chapter}", f"{chapter}.{number}", words, words)
        for chapter, count in enumerate(lengths)
        for number in range(count)
    ]


@given(st.lists(st.integers(1, 6), min_size=3, max_size=30), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_no_chapter_is_on_two_sides_and_nothing_is_lost(lengths: list[int], seed: int) -> None:
    passages = make(lengths)
    splits, _ = split_passages(passages, Split(), seed)
    assert sorted(passage.place for held in splits.values() for passage in held) == sorted(p.place for p in passages)
    chapters = [{passage.chapter for passage in held} for held in splits.values()]
    assert all(chapters)
    assert sum(map(len, chapters)) == len(set.union(*chapters))
    assert all(passages.index(a) < passages.index(b) for held in splits.values() for a, b in pairwise(held))


def test_shares_are_near_and_the_seed_decides() -> None:
    passages = make([4] * 20)
    splits, findings = split_passages(passages, Split(dev=0.1, test=0.2), 1)
    assert {name: len(held) for name, held in splits.items()} == {"train": 56, "dev": 8, "test": 16}
    assert not findings
    assert split_passages(passages, Split(), 1)[0] == splits
    assert split_passages(passages, Split(), 2)[0] != splits


def test_long_chapters_make_an_uneven_split_that_is_said() -> None:
    _, findings = split_passages(make([5, 5, 5]), Split(dev=0.1, test=0.2), 0)
    assert [(finding.code, finding.place) for finding in findings] == [("uneven_split", "dev")]


@pytest.mark.parametrize("lengths", [[20], [10, 10]])
def test_without_chapters_the_ends_are_held_out(lengths: list[int]) -> None:
    passages = make(lengths)
    splits, findings = split_passages(passages, Split(dev=0.1, test=0.2), 0)
    assert splits == {"train": passages[:14], "dev": passages[14:16], "test": passages[16:]}
    assert [finding.code for finding in findings] == ["split_in_blocks"]
