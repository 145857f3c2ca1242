"""The FastAPI application: routes, error handlers, a request id on every response; reaper, sweeper and sender."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from scriptorium import __version__
from scriptorium.access.exposure import open_key_ring
from scriptorium.errors import DiskFull, StoreUnavailable
from scriptorium.jobs import queue
from scriptorium.jobs.archive.archiving import archive_ended
from scriptorium.jobs.reaper import Waiting, reap
from scriptorium.jobs.records import save_unsaved_records
from scriptorium.jobs.runner import Context
from scriptorium.jobs.sweep import sweep
from scriptorium.store.connection import store_errors
from services.api import disk_use, not_offered, prune
from services.api.access import login
from services.api.access.guard import AccessGuard
from services.api.access.response_headers import ResponseHeaders
from services.api.blind_reading import page_routes, readings
from services.api.checkpoint_samples import routes as checkpoint_samples
from services.api.comparison import compare
from services.api.deliveries import routes as deliveries
from services.api.deliveries.sender import open_sender
from services.api.disk_space import DiskGuard
from services.api.errors import handle_errors
from services.api.files import files, uploads
from services.api.fine_tuning import clones, decisions, estimates, events, jobs, tags
from services.api.fine_tuning.event_feed import EventFeed
from services.api.inference import chat, models
from services.api.limits import BodyLimit
from services.api.monitoring import health
from services.api.monitoring.observation import Observation
from services.api.monitoring.telemetry import Telemetry
from services.api.openapi import docs_page
from services.api.openapi.describe import describe_api
from services.api.quality import routes as quality
from services.api.search import routes as search
from services.api.site.chat import routes as chat_page
from services.api.site.jobs import routes as job_pages
from services.api.site.models import routes as models_page
from services.api.site.submit import routes as submit_pages

log = logging.getLogger(__name__)

ARCHIVE_INTERVAL = 5.0  # seconds
REPAIR_INTERVAL = 600.0  # seconds
ROUTERS = [
    files.router,
    uploads.router,
    jobs.router,
    clones.router,
    tags.router,
    search.router,
    estimates.router,
    compare.router,
    decisions.router,
    quality.router,
    checkpoint_samples.router,
    readings.router,
    page_routes.router,
    job_pages.router,
    submit_pages.router,
    chat_page.router,
    models_page.router,
    events.router,
    models.router,
    chat.router,
    health.router,
    login.router,
    prune.router,
    deliveries.router,
    disk_use.router,
    docs_page.router,
    not_offered.router,
]


def create_app(context: Context, *, reaping: bool = True, count_waiting: Waiting = queue.count_waiting) -> FastAPI:
    """Create the application for one context; a test may turn what runs beside it off and fake the queues' lengths."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        context.volume.make_private()
        tasks = (
            [
                reap_forever(context, count_waiting),
                sweep_forever(context),
                keep_store_small(context),
                app.state.sender.run(),
            ]
            if reaping
            else []
        )
        background = [asyncio.create_task(task) for task in tasks]
        async with chat.open_client(context.settings) as app.state.http:
            yield
        for task in background:
            task.cancel()

    app = FastAPI(
        title="Scriptorium",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},  # nothing is exported, whatever OTEL_... variables are set
    )
    app.state.context = context
    app.state.sender = open_sender(context)
    app.state.keys = open_key_ring(context.settings)
    app.state.event_feed = EventFeed(context.store)
    app.state.telemetry = Telemetry(context, count_waiting)
    handle_errors(app, [route for router in ROUTERS for route in router.routes])
    for router in ROUTERS:
        app.include_router(router)
    describe_api(app)
    app.add_middleware(BodyLimit, max_upload_bytes=context.settings.max_upload_bytes)
    app.add_middleware(DiskGuard, folder=context.volume.root, min_free=context.settings.min_free_bytes)
    app.add_middleware(AccessGuard, context=context, keys=app.state.keys, routes=app.state.routes)
    app.add_middleware(Observation, telemetry=app.state.telemetry)
    app.add_middleware(ResponseHeaders)  # added last: outermost
    return app


async def reap_forever(context: Context, count_waiting: Waiting) -> None:
    """Look for lost work every few seconds while the API runs."""
    while True:
        await asyncio.sleep(context.settings.reaper_interval.total_seconds())
        try:
            await run_in_threadpool(reap_once, context, count_waiting)
        except StoreUnavailable as error:
            log.warning("the reaper is waiting for the store: %s", error)
        except Exception:
            log.exception("a round of the reaper failed")


def reap_once(context: Context, count_waiting: Waiting) -> None:
    """Run one round of the reaper."""
    with store_errors():
        save_unsaved_records(context.store, context.volume)
        reap(context, count_waiting)


async def sweep_forever(context: Context) -> None:
    """Remove what nobody needs any more, at once and then every hour, while the API runs."""
    while True:
        pause = context.settings.sweep_interval
        try:
            await run_in_threadpool(sweep_once, context)
        except StoreUnavailable as error:
            log.warning("the sweeper is waiting for the store: %s", error)
            pause = context.settings.reaper_interval
        except Exception:
            log.exception("a round of the sweeper failed")
        await asyncio.sleep(pause.total_seconds())


def sweep_once(context: Context) -> None:
    """Run one round of the sweeper."""
    with store_errors():
        sweep(context)


async def keep_store_small(context: Context) -> None:
    """Archive what has ended, and compare the index with the records now and then, while the API runs."""
    repaired_at = time.monotonic()
    while True:
        archived: list[str] = []
        try:
            archived = await run_in_threadpool(archive_once, context)
            if time.monotonic() - repaired_at > REPAIR_INTERVAL:
                repaired_at = time.monotonic()
                await run_in_threadpool(context.store.jobs.index.repair)
        except (StoreUnavailable, DiskFull) as error:
            log.warning("events are archived later: %s", error)
        except Exception:
            log.exception("events could not be archived")
        await asyncio.sleep(0 if archived else ARCHIVE_INTERVAL)


def archive_once(context: Context) -> list[str]:
    """Archive the events of some ended jobs."""
    with store_errors():
        return archive_ended(context)
