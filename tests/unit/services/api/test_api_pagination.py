"""Paging by `after` shows everything once, in order, whatever the page's size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import InvalidRequest
from services.api.pagination import page, render_page


@given(st.lists(st.integers(), unique=True), st.integers(1, 10))
def test_the_pages_together_are_the_list(items: list[int], limit: int) -> None:
    seen: list[int] = []
    after, more = None, True
    while more:
        chosen, more = page(items, limit, after, str)
        assert len(chosen) == limit or not more
        seen += chosen
        after = str(chosen[-1]) if chosen else None
    assert seen == items


def test_after_must_be_in_the_list() -> None:
    with pytest.raises(InvalidRequest, match="'c'") as caught:
        page(["a", "b"], 5, "c", str)
    assert caught.value.param == "after"


def test_a_page_names_its_first_and_last_item() -> None:
    shown = render_page([{"id": "a"}, {"id": "b"}], has_more=True)
    assert (shown["object"], shown["first_id"], shown["last_id"], shown["has_more"]) == ("list", "a", "b", True)
    empty = render_page([], has_more=False)
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)
