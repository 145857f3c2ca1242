"""/healthz for whoever watches, /metrics for Prometheus."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from services.api.dependencies import Context

router = APIRouter(tags=["health"])


@router.get("/healthz")
def healthz(context: Context) -> JSONResponse:
    """Whether the API and its store answer."""
    up = context.store.ping()
    body: dict[str, Any] = {"status": "ok" if up else "degraded", "store": up}
    return JSONResponse(body, 200 if up else 503)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Every metric, read from the store at this moment."""
    return Response(request.app.state.telemetry.render(), media_type=CONTENT_TYPE_LATEST)
