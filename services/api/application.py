"""The FastAPI application: routes, error handlers, a request id on every answer, and the reaper beside them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from scriptorium import __version__
from scriptorium.errors import StoreUnavailable
from scriptorium.jobs import queue
from scriptorium.jobs.reaper import Waiting, reap
from scriptorium.jobs.runner import Context
from scriptorium.store.connection import store_errors
from services.api import files
from services.api.blind_reading import page_routes, readings
from services.api.comparison import compare
from services.api.errors import handle_errors, internal_error
from services.api.fine_tuning import decisions, events, jobs
from services.api.inference import chat, models
from services.api.limits import BodyLimit
from services.api.monitoring import health
from services.api.monitoring.telemetry import Telemetry

log = logging.getLogger(__name__)

Next = Callable[[Request], Awaitable[Response]]


def create_app(context: Context, *, reaping: bool = True, waiting: Waiting = queue.waiting) -> FastAPI:
    """The application for one context; a test may leave the reaper out, and say itself how long the queues are."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        reaper = asyncio.create_task(reap_forever(context, waiting)) if reaping else None
        async with chat.open_client() as app.state.http:
            yield
        if reaper:
            reaper.cancel()

    app = FastAPI(title="Scriptorium", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.context = context
    app.state.telemetry = Telemetry(context, waiting)
    handle_errors(app)
    for room in (files, jobs, compare, decisions, readings, page_routes, events, models, chat, health):
        app.include_router(room.router)
    app.add_middleware(BodyLimit, max_upload_bytes=context.settings.max_upload_bytes)
    app.middleware("http")(observe)  # added last: outermost
    return app


async def observe(request: Request, call_next: Next) -> Response:
    """Give the request an id, count and time it, and let no exception out without an answer."""
    request_id, started = f"req_{secrets.token_hex(12)}", time.monotonic()
    try:
        response = await call_next(request)
    except Exception:
        log.exception("%s %s failed (%s)", request.method, request.url.path, request_id)
        response = internal_error()
    response.headers["x-request-id"] = request_id
    route = getattr(request.scope.get("route"), "path", "unknown")
    request.app.state.telemetry.observe(request.method, route, response.status_code, time.monotonic() - started)
    return response


async def reap_forever(context: Context, waiting: Waiting) -> None:
    """Look for lost work every few seconds, for as long as the API runs."""
    while True:
        await asyncio.sleep(context.settings.reaper_interval.total_seconds())
        try:
            await run_in_threadpool(reap_once, context, waiting)
        except StoreUnavailable as error:
            log.warning("the reaper waits: %s", error)
        except Exception:
            log.exception("the reaper stumbled")


def reap_once(context: Context, waiting: Waiting) -> None:
    """One round of the reaper."""
    with store_errors():
        reap(context, waiting)
