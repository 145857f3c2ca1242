"""Uploaded and produced files."""

from __future__ import annotations

from scriptorium.contracts.base import Contract


class StoredFile(Contract):
    """An uploaded or produced file, as the files API shows it."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    sha256: str
