"""A limit on the size of every request's body, checked before it is parsed.

Starlette's own middleware does the same, but responds in plain text, and the API needs an error object.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scriptorium.artifacts.uploads.parts import MAX_PART_BYTES
from scriptorium.errors import BodyTooLarge, FileTooLarge, ScriptoriumError
from services.api.errors import respond

JSON_LIMIT = 1 << 20
FORM_OVERHEAD = 1 << 16  # multipart's boundaries and the other fields
UPLOAD_PATHS = ("/v1/files", "/submit")
PART_PATH = re.compile(r"/v1/uploads/[^/]+/parts")


class BodyLimit:
    """Middleware that refuses a body that is announced as, or turns out to be, larger than its path allows."""

    def __init__(self, app: ASGIApp, max_upload_bytes: int) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit, error = self._limit(scope["path"])
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            return await respond(Request(scope), error)(scope, receive, send)
        received_bytes = 0

        async def count() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > limit:
                raise HTTPException(413) from error  # the only one that FastAPI lets through while it reads a body
            return message

        await self._app(scope, count, send)

    def _limit(self, path: str) -> tuple[int, ScriptoriumError]:
        """Return how many bytes the body of a path may have, and the error of one that has more."""
        if path in UPLOAD_PATHS:
            limit = self._max_upload_bytes
            return limit + FORM_OVERHEAD, FileTooLarge(f"The file has more than {limit:,} bytes.", param="file")
        if PART_PATH.fullmatch(path):
            limit = MAX_PART_BYTES
            return limit + FORM_OVERHEAD, FileTooLarge(
                f"The part has more than {limit:,} bytes.", param="data", next_step="Send the file in smaller parts."
            )
        return JSON_LIMIT, BodyTooLarge(f"The body has more than {JSON_LIMIT:,} bytes.")
