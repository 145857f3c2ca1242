"""Texts in a file: whatever was put in comes out, and nothing is left in the folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data.text_file import Texts, in_memory, read


@given(st.lists(st.text(st.characters())))
def test_every_text_comes_back(written: list[str]) -> None:
    with Texts() as texts:
        held = [texts.add(text) for text in written]
        assert [read(each) for each in reversed(held)] == written[::-1]
        assert len(set(held)) == len(held) or "" in written


def test_a_text_in_memory_is_itself() -> None:
    assert read(in_memory("a lamp")) == "a lamp"


def test_the_file_has_no_name_and_is_closed_with_its_context(tmp_path: Path) -> None:
    with Texts(tmp_path) as texts:
        held = texts.add("a lamp")
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        read(held)
