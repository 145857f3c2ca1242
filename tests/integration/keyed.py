"""Requests with a key, and how they are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Create = Callable[..., str]


def ask(http: httpx.Client, method: str, path: str, secret: str = "", **arguments: Any) -> httpx.Response:
    """Send a request with a key, if there is one."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    return http.request(method, path, headers={**headers, **arguments.pop("headers", {})}, **arguments)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of an error, which has a next step."""
    error = answer.json()["error"]
    assert error["next_step"]
    assert answer.headers["x-should-retry"] == "false"
    return answer.status_code, error["code"]
