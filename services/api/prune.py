"""/v1/x/prune: what nobody needs any more is removed, or only listed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, StrictBool

from scriptorium.jobs.leftovers import prune, render_pruned, stored_records
from services.api.dependencies import Context

router = APIRouter(prefix="/v1/x/prune", tags=["operations"])


class Pruning(BaseModel):
    """The body of POST /v1/x/prune, which may be left out."""

    model_config = ConfigDict(extra="forbid")

    dry_run: StrictBool = False


@router.post("")
def prune_volume(context: Context, body: Pruning | None = None) -> dict[str, Any]:
    """Remove every leftover on the volume."""
    dry_run = body is not None and body.dry_run
    pruned = prune(context.volume, stored_records(context.store), context.settings, dry_run=dry_run)
    return render_pruned(pruned, context.volume.root, dry_run=dry_run)
