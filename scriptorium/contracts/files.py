"""Uploaded and produced files, and uploads that arrive in parts."""

from __future__ import annotations

from enum import StrEnum

from scriptorium.contracts.base import Contract


class StoredFile(Contract):
    """An uploaded or produced file; `created_by` is the id of the API's key that it was uploaded with, if any."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sha256: str
    expires_at: int | None = None
    created_by: str | None = None


class UploadStatus(StrEnum):
    """The status of an upload in parts, as OpenAI's API spells it."""

    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Upload(Contract):
    """An upload in parts; once it is completed it names its file, and the parts of which that was made."""

    id: str
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: UploadStatus = UploadStatus.PENDING
    file_id: str | None = None
    file_expires_after: int | None = None
    part_ids: list[str] = []
