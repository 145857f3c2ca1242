"""Files and uploads in the shapes of OpenAI's API."""

from __future__ import annotations

from typing import Any

from scriptorium.artifacts.uploads.parts import StoredPart
from scriptorium.contracts import StoredFile, Upload

Body = dict[str, Any]


def render_file(file: StoredFile) -> Body:
    """Render a file; ours are complete as soon as they exist."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }


def render_upload(upload: Upload, file: StoredFile | None) -> Body:
    """Render an upload in parts, with the file that was made of it."""
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "file": render_file(file) if file else None,
    }


def render_part(part: StoredPart, upload_id: str) -> Body:
    """Render a part of an upload."""
    return {"id": part.id, "object": "upload.part", "created_at": part.created_at, "upload_id": upload_id}
