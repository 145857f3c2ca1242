"""Paging by `after` shows everything once, in order, whatever the page's size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import InvalidRequest
from services.api.pagination import paginate, render_page


@given(st.lists(st.integers(), unique=True), st.integers(1, 10))
def test_the_pages_together_are_the_list(items: list[int], limit: int) -> None:
    collected: list[int] = []
    after, more = None, True
    while more:
        chunk, more = paginate(items, limit, after, str)
        assert len(chunk) == limit or not more
        collected += chunk
        after = str(chunk[-1]) if chunk else None
    assert collected == items


def test_after_must_be_in_the_list() -> None:
    with pytest.raises(InvalidRequest, match="'c'") as caught:
        paginate(["a", "b"], 5, "c", str)
    assert caught.value.param == "after"


def test_a_page_names_its_first_and_last_item() -> None:
    rendered = render_page([{"id": "a"}, {"id": "b"}], has_more=True)
    assert (rendered["object"], rendered["first_id"], rendered["last_id"], rendered["has_more"]) == (
        "list",
        "a",
        "b",
        True,
    )
    empty = render_page([], has_more=False)
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)
