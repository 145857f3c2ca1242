"""/v1/x/disk_use: what takes the space on the disk."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from scriptorium.artifacts.disk_use import measure_disk_use
from services.api.dependencies import Context

router = APIRouter(prefix="/v1/x/disk_use", tags=["operations"])


@router.get("")
def disk_use(context: Context, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> dict[str, Any]:
    """Return the bytes on the disk by kind, and those of the `limit` largest jobs."""
    settings = context.settings
    return measure_disk_use(context.volume, settings.cache, settings.logs, limit).model_dump(mode="json")
