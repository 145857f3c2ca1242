"""/healthz for health checks, /metrics and /metrics/engines for Prometheus."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from scriptorium.models.model_name import TUNED
from services.api.dependencies import Context

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz(context: Context) -> JSONResponse:
    """Report whether the API and its store are up."""
    up = context.store.ping()
    body: dict[str, Any] = {"status": "ok" if up else "degraded", "store": up}
    return JSONResponse(body, 200 if up else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return every metric, read from the store now."""
    return Response(request.app.state.telemetry.render(), media_type=CONTENT_TYPE_LATEST)


@router.get("/metrics/engines")
def engines(context: Context) -> list[dict[str, Any]]:
    """List the engines as targets of Prometheus' HTTP service discovery.

    An engine that serves a base and its adapters is one target under the base's name; a tuned model's name begins with
    "ft:".
    """
    models: dict[str, str] = {}
    for engine in sorted(
        context.store.serving.engines(), key=lambda engine: (engine.name.startswith(TUNED), engine.name)
    ):
        if engine.url and engine.state in ("starting", "ready", "leaving"):
            models.setdefault(urlsplit(engine.url).netloc, engine.name)
    return [{"targets": [target], "labels": {"model": model}} for target, model in models.items()]
