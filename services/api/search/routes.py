"""/v1/x/search: jobs and uploaded files by words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from scriptorium.contracts import Job
from scriptorium.errors import InvalidRequest
from services.api.dependencies import Context, StoredFiles
from services.api.files.openai_file import render_file
from services.api.fine_tuning.jobs import json_response, render_all
from services.api.pagination import After, render_page
from services.api.search.search import search

router = APIRouter(prefix="/v1/x/search", tags=["jobs"])


@router.get("", response_model=None)
def search_by_words(
    q: Annotated[str, Query(max_length=200, description="Words that each have to occur.")],
    context: Context,
    files: StoredFiles,
    after: After = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Search jobs and uploads by words, newest first."""
    if not q.strip():
        raise InvalidRequest("There is no word to search for.", param="q", next_step="Name a word: /v1/x/search?q=poe.")
    items = search(context.store.jobs, files, q, after, limit + 1)
    jobs = [item for item in items[:limit] if isinstance(item, Job)]
    rendered_jobs = iter(render_all(jobs, context))
    data = [next(rendered_jobs) if isinstance(item, Job) else render_file(item) for item in items[:limit]]
    return json_response(render_page(data, has_more=len(items) > limit))
