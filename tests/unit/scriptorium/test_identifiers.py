"""An id says when its thing was made, and nothing else can be read as such an id."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.identifiers import make_id, read_time


@given(st.floats(0, 2**52 / 1e6))
def test_an_id_says_when_its_thing_was_made(seconds: float) -> None:
    made_at = read_time(make_id("file-", seconds))
    assert made_at is not None
    assert 0 <= seconds - made_at < 2e-6


def test_ids_of_one_moment_differ_and_sort_by_time() -> None:
    assert len({make_id("ftjob-", 1.5) for _ in range(100)}) == 100
    assert make_id("file-", 1.5) < make_id("file-", 1.6) < make_id("file-", 4e9)


def test_older_and_foreign_ids_say_nothing() -> None:
    assert [read_time(text) for text in ("file-" + "a" * 24, "ftjob-1", "", "../" + "a" * 26)] == [None] * 4
