"""A request that brings new work is checked by its announced length, before its body is read."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from scriptorium.artifacts.disk_use import check_disk, free_bytes
from scriptorium.errors import DiskLow
from services.api.disk_space import DiskGuard


def test_what_is_announced_counts_as_used(tmp_path: Path) -> None:
    check_disk(tmp_path / "not" / "yet", min_free=0, announced=1000)
    with pytest.raises(DiskLow, match="of the upload"):
        check_disk(tmp_path, min_free=0, announced=1 << 60)
    with pytest.raises(DiskLow, match="new work needs"):
        check_disk(tmp_path, min_free=1 << 60)
    assert free_bytes(tmp_path / "not" / "yet") > 0


@pytest.mark.parametrize(
    ("method", "path", "length", "status"),
    [
        ("POST", "/v1/files", 1 << 60, 507),
        ("POST", "/v1/fine_tuning/jobs", 1 << 60, 507),
        ("POST", "/submit", 1 << 60, 507),
        ("POST", "/submit/file-1", 1 << 60, 507),
        ("POST", "/v1/files", 5, 200),
        ("POST", "/v1/x/prune", 1 << 60, 200),
        ("GET", "/v1/files", 1 << 60, 200),
    ],
)
def test_new_work_alone_is_refused_and_unread(method: str, path: str, length: int, status: int, tmp_path: Path) -> None:
    sent: list[Message] = []

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        raise AssertionError("the body is read")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": method, "path": path}
    scope["headers"] = [(b"content-length", str(length).encode())]
    asyncio.run(DiskGuard(answer, tmp_path, min_free=0)(scope, receive, send))
    assert sent[0]["status"] == status
