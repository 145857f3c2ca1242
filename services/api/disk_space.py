"""New work is refused on a disk that is nearly full, before anything of it is read: it would only fail later."""

from __future__ import annotations

import re
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from scriptorium.artifacts.disk_use import check_disk
from scriptorium.errors import DiskLow
from services.api.errors import respond

CALLS = r"/v1/(files|fine_tuning/jobs|uploads(/[^/]+/parts)?|x/jobs/[^/]+/(rerun|clone))"
NEW_WORK = re.compile(rf"({CALLS}|/submit(/[^/]+)?)/*")


class DiskGuard:
    """Middleware that refuses uploads and new jobs with `disk_low`."""

    def __init__(self, app: ASGIApp, folder: Path, min_free: int) -> None:
        self._app = app
        self._folder = folder
        self._min_free = min_free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the disk of a request that brings new work; pass every other request on."""
        if scope["type"] == "http" and scope["method"] == "POST" and NEW_WORK.fullmatch(scope["path"]):
            announced = Headers(scope=scope).get("content-length", "")
            length = int(announced) if announced.isdecimal() else 0
            try:
                await run_in_threadpool(check_disk, self._folder, self._min_free, length)
            except DiskLow as error:
                return await respond(Request(scope), error)(scope, receive, send)
        return await self._app(scope, receive, send)
