"""Lists on the API: newest first by default, paginated with `after` = the last id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Query

from scriptorium.errors import InvalidRequest

T = TypeVar("T")
Body = dict[str, Any]
After = Annotated[str | None, Query(min_length=1, description="The last id of the page before.")]


def paginate(
    items: Sequence[T],
    limit: int,
    after: str | None,
    key: Callable[[T], str],
    is_behind_deleted: Callable[[T], bool] | None = None,
) -> tuple[list[T], bool]:
    """Return the `limit` items behind the one whose key is `after`, and whether there are more.

    If that one is gone, `is_behind_deleted` says which items were behind it; without it, raises InvalidRequest.
    """
    start = 0
    if after is not None:
        positions = [position + 1 for position, item in enumerate(items) if key(item) == after]
        if not positions and is_behind_deleted is not None:
            positions = [sum(not is_behind_deleted(item) for item in items)]
        if not positions:
            raise no_such_item(after)
        start = positions[0]
    return list(items[start : start + limit]), len(items) > start + limit


def no_such_item(after: str | None) -> InvalidRequest:
    """Return the error for a page behind an item that is not in the list."""
    return InvalidRequest(f"There is no item {after!r} in this list.", param="after")


def render_page(data: Sequence[Body], *, has_more: bool) -> Body:
    """Render a page of a list."""
    return {
        "object": "list",
        "data": list(data),
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }
