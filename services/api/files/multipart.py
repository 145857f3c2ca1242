"""An upload under way: a nameless file on the volume.

Starlette would write it to the folder for temporary files, which in a container is memory and charged to the API. A
file without a name is gone with the process, however that ends.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from scriptorium.artifacts.volume import Volume, disk_errors

FORM_TYPE = "multipart/form-data"
ENCODED_CHARACTERS = {"%22": '"', "%0D": "\r", "%0A": "\n"}


class UploadParser(MultiPartParser):
    """A parser of forms whose files lie in a folder of ours once they are larger than a megabyte."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], folder: Path) -> None:
        super().__init__(headers, stream)
        self._folder = folder

    def on_headers_finished(self) -> None:
        """Begin a part; replace the file that was made for it."""
        super().on_headers_finished()
        if upload := self._current_part.file:
            upload.filename = decode_name(upload.filename or "")
            upload.file.close()
            file = SpooledTemporaryFile(max_size=self.spool_max_size, dir=str(self._folder))  # noqa: SIM115  closed with the form
            self._files_to_close_on_error[-1] = file
            upload.file = cast("BinaryIO", file)


def decode_name(name: str) -> str:
    """Return a file's name as it was before its client put it into a form.

    In a form a quotation mark and the two characters of line ends are percent-encoded, and nothing else, not even "%"
    (HTML's "multipart form data"): a name that has "%22" by itself cannot be told from one with a quotation mark.
    """
    for encoded, character in ENCODED_CHARACTERS.items():
        name = name.replace(encoded, character)
    return name


class UploadRoute(APIRoute):
    """A route that reads a form with files before FastAPI would."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the route's handler behind one that reads the form."""
        handle = super().get_route_handler()

        async def read_then_handle(request: Request) -> Response:
            if request.headers.get("content-type", "").lower().startswith(FORM_TYPE):
                request._form = await read_form(request, request.app.state.context.volume)
            return await handle(request)

        return read_then_handle


async def read_form(request: Request, volume: Volume) -> FormData:
    """Read a form with files; raises DiskFull, or HTTPException if it is none or the client leaves."""
    folder = volume.uploads
    try:
        with disk_errors():
            await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True)
            async with aclosing(request.stream()) as stream:
                return await UploadParser(request.headers, stream, folder).parse()
    except (MultiPartException, ClientDisconnect) as error:
        raise HTTPException(400, getattr(error, "message", "The body ended too early")) from error
