"""The dependencies of routes: the context and the stored files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from scriptorium.artifacts.file_store import FileStore
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store.connection import store_errors


def get_context(request: Request) -> Iterator[PhaseContext]:
    """Yield the application's context; a failure of the store in the route becomes StoreUnavailable."""
    context: PhaseContext = request.app.state.context
    with store_errors():
        yield context


Context = Annotated[PhaseContext, Depends(get_context)]


def get_files(context: Context) -> FileStore:
    """Return the files on the volume."""
    return FileStore(context.volume.files)


StoredFiles = Annotated[FileStore, Depends(get_files)]
