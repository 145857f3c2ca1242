"""/v1/uploads: a file in parts, so that a broken connection costs one part and not the whole."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from scriptorium.artifacts.disk_use import check_disk
from scriptorium.artifacts.uploads.upload_store import UploadStore
from scriptorium.contracts import Upload
from scriptorium.contracts.base import JsonNumber
from scriptorium.errors import FileTooLarge
from scriptorium.jobs.runner import Context as PhaseContext
from services.api.dependencies import Context, StoredFiles, StoredUploads
from services.api.files.multipart import UploadRoute
from services.api.files.openai_file import render_part, render_upload
from services.api.files.purposes import ExpiresAfter, Purpose

router = APIRouter(prefix="/v1/uploads", tags=["files"], route_class=UploadRoute)


class CreateUpload(BaseModel):
    """The body of POST /v1/uploads."""

    model_config = ConfigDict(extra="forbid")

    bytes: Annotated[int, Field(ge=1), JsonNumber]
    filename: Annotated[str, Field(min_length=1, max_length=1024)]
    mime_type: str
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class CompleteUpload(BaseModel):
    """The body of POST /v1/uploads/{upload_id}/complete."""

    model_config = ConfigDict(extra="forbid")

    part_ids: Annotated[list[str], Field(min_length=1)]
    md5: Annotated[str, Field(pattern=r"^[0-9a-fA-F]{32}$")] | None = None


@router.post("")
def create(body: CreateUpload, context: Context, uploads: StoredUploads) -> dict[str, Any]:
    """Begin an upload in parts."""
    return render_upload(begin_upload(body, context, uploads), None)


@router.get("/{upload_id}")
def retrieve(upload_id: str, uploads: StoredUploads, files: StoredFiles) -> dict[str, Any]:
    """Return an upload, with the parts that it has so far."""
    rendered = render(uploads.get(upload_id), files)
    parts = [render_part(part, upload_id) | {"bytes": part.bytes} for part in uploads.parts(upload_id)]
    return rendered | {"scriptorium": {"parts": parts}}


@router.post("/{upload_id}/parts")
def add_part(upload_id: str, data: UploadFile, uploads: StoredUploads) -> dict[str, Any]:
    """Add a part to an upload."""
    return render_part(uploads.add_part(upload_id, data.file), upload_id)


@router.post("/{upload_id}/complete")
def complete(upload_id: str, body: CompleteUpload, uploads: StoredUploads, files: StoredFiles) -> dict[str, Any]:
    """Join the parts of an upload into a file."""
    return render(uploads.complete(upload_id, body.part_ids, body.md5), files)


@router.post("/{upload_id}/cancel")
def cancel(upload_id: str, uploads: StoredUploads, files: StoredFiles) -> dict[str, Any]:
    """Cancel an upload."""
    return render(uploads.cancel(upload_id), files)


def begin_upload(body: CreateUpload, context: PhaseContext, uploads: UploadStore) -> Upload:
    """Begin an upload. Raises FileTooLarge, and DiskLow if there is no room for its parts and their file."""
    limit = context.settings.max_upload_bytes
    if body.bytes > limit:
        raise FileTooLarge(f"The file has more than {limit:,} bytes.", param="bytes")
    check_disk(context.volume.root, context.settings.min_free_bytes, 2 * body.bytes)
    lifetime = body.expires_after.seconds if body.expires_after else None
    return uploads.create(body.bytes, body.filename, body.purpose, lifetime)


def render(upload: Upload, files: StoredFiles) -> dict[str, Any]:
    """Render an upload with its file, unless that was deleted since."""
    file_ids = files.existing([upload.file_id] if upload.file_id else [])
    return render_upload(upload, files.get(file_ids[0]) if file_ids else None)
