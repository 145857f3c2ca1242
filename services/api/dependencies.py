"""What a route is given: the context, and a store that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request

from scriptorium.artifacts.file_store import Files
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.store.connection import store_errors


def get_context(request: Request) -> Iterator[PhaseContext]:
    """The application's context; a store that fails in the route's hands is StoreUnavailable."""
    context: PhaseContext = request.app.state.context
    with store_errors():
        yield context


Context = Annotated[PhaseContext, Depends(get_context)]


def get_files(context: Context) -> Files:
    """The files on the volume."""
    return Files(context.volume.files)


StoredFiles = Annotated[Files, Depends(get_files)]
