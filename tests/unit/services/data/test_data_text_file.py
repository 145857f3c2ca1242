"""Texts in a file: each text comes back as it was written, and nothing is left in the folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.data.text_file import TextFile, keep_in_memory, load_text


@given(st.lists(st.text(st.characters())))
def test_every_text_comes_back(written: list[str]) -> None:
    with TextFile() as texts:
        handles = [texts.add(text) for text in written]
        assert [load_text(handle) for handle in reversed(handles)] == written[::-1]
        assert len(set(handles)) == len(handles) or "" in written


def test_a_text_in_memory_is_itself() -> None:
    assert load_text(keep_in_memory("a lamp")) == "a lamp"


def test_the_file_has_no_name_and_is_closed_with_its_context(tmp_path: Path) -> None:
    with TextFile(tmp_path) as texts:
        handle = texts.add("a lamp")
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        load_text(handle)
