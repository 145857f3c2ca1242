"""What surrounds every request: an id, a count and a time, and a decent response to any exception.

Plain ASGI: Starlette's function middleware would pass every response, and every event of a stream, through a queue.
"""

from __future__ import annotations

import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.errors import internal_error
from services.api.monitoring.telemetry import Telemetry

log = logging.getLogger(__name__)


class Observation:
    """Middleware that gives each request an id, counts and times it, and turns any exception into a response."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with an observing `send`."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id, started, begun = f"req_{secrets.token_hex(12)}", time.monotonic(), False

        async def observe(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                MutableHeaders(scope=message)["x-request-id"] = request_id
                route = getattr(scope.get("route"), "path", "unknown")
                self._telemetry.observe(scope["method"], route, message["status"], time.monotonic() - started)
            await send(message)

        try:
            await self._app(scope, receive, observe)
        except Exception:
            log.exception("%s %s failed (%s)", scope["method"], scope["path"], request_id)
            if begun:
                raise  # the server cuts the connection, so that the client sees that the rest is missing
            await internal_error(Request(scope))(scope, receive, observe)
