"""The dependencies of routes: the context, the stored files and the uploads in parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.upload_store import UploadStore
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


async def get_files(context: Context) -> FileStore:
    """Return the files on the volume."""
    return FileStore(context.volume.files)


StoredFiles = Annotated[FileStore, Depends(get_files)]


async def get_uploads(context: Context, files: StoredFiles) -> UploadStore:
    """Return the uploads in parts on the volume."""
    return UploadStore(context.volume.uploads, files)


StoredUploads = Annotated[UploadStore, Depends(get_uploads)]
