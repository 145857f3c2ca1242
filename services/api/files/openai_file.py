"""Files in the shapes of OpenAI's API."""

from __future__ import annotations

from typing import Any

from scriptorium.contracts import StoredFile

Body = dict[str, Any]


def render_file(file: StoredFile) -> Body:
    """Render a file; ours are complete as soon as they exist."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": None,
    }
