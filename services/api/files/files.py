"""/v1/files: uploaded manuscripts and the results of jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Query, UploadFile
from fastapi.responses import FileResponse

from scriptorium.artifacts.file_store import FileStore, made_at
from scriptorium.contracts import StoredFile
from scriptorium.errors import Conflict, InvalidRequest
from scriptorium.identifiers import read_time
from scriptorium.jobs.delete_job import uploads_of
from scriptorium.jobs.runner import Context as PhaseContext
from services.api.dependencies import Caller, Context, StoredFiles, check_owner
from services.api.files.multipart import UploadRoute
from services.api.files.openai_file import render_file
from services.api.files.purposes import Lifetime, Purpose
from services.api.pagination import After, paginate, render_page

router = APIRouter(prefix="/v1/files", tags=["files"], route_class=UploadRoute)

Order = Literal["asc", "desc"]
CONTENT_TYPE = "application/octet-stream"  # whatever the name says: no browser shows what somebody uploaded


@router.post("")
def upload(
    file: UploadFile,
    purpose: Annotated[Purpose, Form()],
    context: Context,
    files: StoredFiles,
    anchor: Annotated[Literal["created_at"] | None, Form(alias="expires_after[anchor]")] = None,
    seconds: Annotated[Lifetime | None, Form(alias="expires_after[seconds]")] = None,
) -> dict[str, Any]:
    """Store a manuscript."""
    if (anchor is None) != (seconds is None):
        raise InvalidRequest("expires_after needs both an anchor and seconds.", param="expires_after")
    limit = context.settings.max_upload_bytes
    return render_file(files.add(file.file, file.filename or "upload", purpose, limit, seconds))


@router.get("")
def list_files(
    files: StoredFiles,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10000)] = 10000,
    order: Order = "desc",
    after: After = None,
) -> dict[str, Any]:
    """List files."""
    matches = [file for file in files.newest() if purpose in (None, file.purpose)]
    files_in_order = matches if order == "desc" else matches[::-1]
    page, has_more = paginate(files_in_order, limit, after, lambda file: file.id, find_behind(after, order))
    return render_page([render_file(file) for file in page], has_more=has_more)


@router.get("/{file_id}")
def retrieve(file_id: str, files: StoredFiles) -> dict[str, Any]:
    """Return a file's record."""
    return render_file(files.get(file_id))


@router.get("/{file_id}/content")
@router.head("/{file_id}/content", include_in_schema=False)
def content(file_id: str, files: StoredFiles) -> FileResponse:
    """Return a file's bytes, or the requested range of them, so that a download can resume.

    The bytes of an id never change; the entity tag is their SHA-256.
    """
    file = files.get(file_id)
    etag = {"etag": f'"{file.sha256}"'}
    return FileResponse(files.content(file_id), filename=file.filename, headers=etag, media_type=CONTENT_TYPE)


@router.delete("/{file_id}")
def delete(file_id: str, context: Context, files: StoredFiles, caller: Caller) -> dict[str, Any]:
    """Delete a file."""
    check_owner(caller, files.get(file_id).created_by, file_id)
    delete_file(file_id, context)
    return {"id": file_id, "object": "file", "deleted": True}


def find_behind(after: str | None, order: Order) -> Callable[[StoredFile], bool] | None:
    """Return whether a file comes behind `after`, a deleted one; None if the id does not say when that was made."""
    deleted_made_at = read_time(after or "")
    if deleted_made_at is None:
        return None
    sign = -1 if order == "desc" else 1
    return lambda file: sign * made_at(file) > sign * deleted_made_at


def delete_file(file_id: str, context: PhaseContext) -> None:
    """Delete a file; raise Conflict if a job that has not ended needs it."""
    users = [job.id for job in context.store.jobs.active() if file_id in uploads_of(job)]
    if users:
        raise Conflict(f"{file_id} is in use by {users[0]}.", param="file_id", next_step="Cancel the job first.")
    FileStore(context.volume.files).delete(file_id)
