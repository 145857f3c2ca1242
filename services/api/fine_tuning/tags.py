"""/v1/x/jobs/{job_id}/tags: a user's own words on a job, changed at any time, also long after the job ended."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from scriptorium.contracts import Job
from scriptorium.errors import InvalidRequest
from scriptorium.jobs.records import update_record
from scriptorium.jobs.runner import Context as PhaseContext
from services.api.dependencies import Context
from services.api.fine_tuning.jobs import render_current

router = APIRouter(prefix="/v1/x/jobs", tags=["jobs"])

MAX_TAGS = 16
MAX_TAG_LETTERS = 64


def check_tag(text: str) -> str:
    """Return a tag in Unicode's composed form. Raises ValueError if it has control characters."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        raise ValueError("has no line ends, tabs or other control characters")
    return unicodedata.normalize("NFC", text)


Tag = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TAG_LETTERS),
    AfterValidator(check_tag),
    Field(json_schema_extra={"pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"}),
]


class TagList(BaseModel):
    """The body of PUT /v1/x/jobs/{job_id}/tags: all tags of the job."""

    model_config = ConfigDict(extra="forbid")

    tags: list[Tag] = Field(max_length=MAX_TAGS)


class TagChange(BaseModel):
    """The body of POST /v1/x/jobs/{job_id}/tags: tags to add and to remove; the others stay."""

    model_config = ConfigDict(extra="forbid")

    add: list[Tag] = Field(default=[], max_length=MAX_TAGS)
    remove: list[Tag] = Field(default=[], max_length=MAX_TAGS)


@router.put("/{job_id}/tags")
def put_tags(job_id: str, body: TagList, context: Context) -> dict[str, Any]:
    """Replace a job's tags."""
    return render_current(replace_tags(context, job_id, body.tags), context)


@router.post("/{job_id}/tags")
def post_tags(job_id: str, body: TagChange, context: Context) -> dict[str, Any]:
    """Add and remove tags of a job, in one step."""
    return render_current(change_tags(context, job_id, body.add, body.remove), context)


def replace_tags(context: PhaseContext, job_id: str, tags: Sequence[str]) -> Job:
    """Give a job these tags and no others. Raises JobMissing."""
    return update_record(context.store, context.volume, job_id, lambda job: with_tags(job, tags))


def change_tags(context: PhaseContext, job_id: str, add: Sequence[str], remove: Sequence[str]) -> Job:
    """Add and remove tags; somebody else's change at the same moment is kept. Raises JobMissing and InvalidRequest."""

    def change(job: Job) -> Job:
        return with_tags(job, [tag for tag in [*job.tags, *add] if tag not in remove])

    return update_record(context.store, context.volume, job_id, change)


def with_tags(job: Job, tags: Iterable[str]) -> Job:
    """Return a job with these tags, each once. Raises InvalidRequest if they are too many."""
    distinct = list(dict.fromkeys(tags))
    if len(distinct) > MAX_TAGS:
        raise InvalidRequest(
            f"{job.id} would have {len(distinct)} tags, and a job has at most {MAX_TAGS}.",
            param="add",
            next_step="Remove some of its tags first.",
        )
    return job.model_copy(update={"tags": distinct})
