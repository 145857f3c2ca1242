"""/v1/x/compare: two or more evaluated models side by side."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from scriptorium.errors import InvalidRequest
from services.api.comparison.comparison import compare_jobs
from services.api.dependencies import Context

router = APIRouter(prefix="/v1/x/compare", tags=["jobs"])


@router.get("")
def compare(
    job: Annotated[
        list[str],
        Query(
            min_length=2,
            max_length=20,
            description="Jobs; the others are compared with the first.",
            json_schema_extra={"uniqueItems": True},
        ),
    ],
    context: Context,
) -> dict[str, Any]:
    """Compare jobs by their reports."""
    job_ids = [context.store.jobs.get(job_id).id for job_id in dict.fromkeys(job)]
    if len(job_ids) < 2:  # the same job twice
        raise InvalidRequest("A job cannot be compared with itself.", param="job", next_step="Name another job.")
    return compare_jobs(context.volume, job_ids).model_dump(mode="json")
