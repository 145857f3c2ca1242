"""An id says when its thing was made, and nothing else can be read as such an id."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from scriptorium.identifiers import make_id, make_name_part, read_time


@given(st.floats(0, 4e9))
@example(1125899907.6915889)  # a product of floats would be rounded up
def test_an_id_says_when_its_thing_was_made(seconds: float) -> None:
    made_at = read_time(make_id("file-", seconds))
    assert made_at is not None
    assert 0 <= seconds - made_at < 2e-6


def test_ids_of_one_moment_differ_and_sort_by_time() -> None:
    assert len({make_id("ftjob-", 1.5) for _ in range(100)}) == 100
    assert make_id("file-", 1.5) < make_id("file-", 1.6) < make_id("file-", 4e9)


def test_older_and_foreign_ids_say_nothing() -> None:
    assert [read_time(text) for text in ("file-" + "a" * 24, "ftjob-1", "", "../" + "a" * 26)] == [None] * 4


@given(st.text())
def test_a_part_of_a_name_is_safe_and_stays_so(text: str) -> None:
    part = make_name_part(text)
    assert re.fullmatch(r"[A-Za-z0-9._-]*", part)
    assert make_name_part(part) == part


@given(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True))
def test_a_safe_part_stays_as_it_is(text: str) -> None:
    assert make_name_part(text) == text
