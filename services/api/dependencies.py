"""The dependencies of routes: the context, the stored files and the uploads in parts, and whose key a request has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from scriptorium.access.keys import AccessKey
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.upload_store import UploadStore
from scriptorium.errors import InsufficientScope
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store.connection import store_errors


async def get_context(request: Request) -> AsyncIterator[PhaseContext]:
    """Yield the application's context; a failure of the store in the route becomes StoreUnavailable.

    It never waits, so that it may run on the event loop: a thread for it would cost more than all the rest.
    """
    context: PhaseContext = request.app.state.context
    with store_errors():
        yield context


Context = Annotated[PhaseContext, Depends(get_context)]


async def get_caller(request: Request) -> AccessKey | None:
    """Return the key of a request; None while the API needs none."""
    key: AccessKey | None = getattr(request.state, "key", None)
    return key


Caller = Annotated[AccessKey | None, Depends(get_caller)]


def caller_id(caller: AccessKey | None) -> str | None:
    """Return the id to remember with what a caller makes."""
    return caller.id if caller else None


async def get_files(context: Context, caller: Caller) -> FileStore:
    """Return the files on the volume; those that are added belong to the caller."""
    return FileStore(context.volume.files, caller_id(caller))


StoredFiles = Annotated[FileStore, Depends(get_files)]


async def get_uploads(context: Context, files: StoredFiles) -> UploadStore:
    """Return the uploads in parts on the volume."""
    return UploadStore(context.volume.uploads, files)


StoredUploads = Annotated[UploadStore, Depends(get_uploads)]


def check_owner(caller: AccessKey | None, created_by: str | None, name: str) -> None:
    """Raise InsufficientScope if a key is used to delete what was not made with it; an admin may delete everything."""
    if caller is not None and not caller.is_admin and caller.id != created_by:
        raise InsufficientScope(
            f"{name} was not made with the key {caller.name!r}, so that may not delete it.",
            next_step="Use the key that it was made with, or one with the scope admin.",
        )
