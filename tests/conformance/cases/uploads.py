"""Uploads in parts: in order and out of it, at once, interrupted, resumed, completed twice, cancelled."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai

from tests.conformance.cases.wire import TEXT, Wire, refused


def _begin(wire: Wire, size: int = len(TEXT)) -> Any:
    return wire.client().uploads.create(bytes=size, filename="raven.txt", mime_type="text/plain", purpose="fine-tune")


def a_begun_upload_is_pending(wire: Wire) -> None:
    """POST /uploads answers with a pending upload that expires after an hour."""
    upload = _begin(wire)
    assert (upload.object, upload.status, upload.bytes, upload.filename) == (
        "upload",
        "pending",
        len(TEXT),
        "raven.txt",
    )
    assert upload.id.startswith("upload_")
    assert upload.expires_at == upload.created_at + 3600
    assert upload.file is None


def a_part_is_a_part(wire: Wire) -> None:
    """POST /uploads/{id}/parts answers with a part of that upload."""
    upload = _begin(wire)
    part = wire.client().uploads.parts.create(upload.id, data=TEXT)
    assert (part.object, part.upload_id) == ("upload.part", upload.id)
    assert part.id.startswith("part_")


def a_file_is_uploaded_chunked_from_disk(wire: Wire) -> None:
    """`upload_file_chunked` sends a file of the disk in parts, with its MD5."""
    client = wire.client()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raven.txt"
        path.write_bytes(TEXT * 50)
        upload = client.uploads.upload_file_chunked(
            file=path,
            mime_type="text/plain",
            purpose="fine-tune",
            part_size=1000,
            md5=hashlib.md5(TEXT * 50, usedforsecurity=False).hexdigest(),
        )
    assert upload.status == "completed"
    assert upload.file is not None
    assert client.files.content(upload.file.id).read() == TEXT * 50


def bytes_are_uploaded_chunked_from_memory(wire: Wire) -> None:
    """`upload_file_chunked` sends bytes of the memory in parts."""
    upload = wire.client().uploads.upload_file_chunked(
        file=TEXT * 9,
        filename="raven.txt",
        bytes=len(TEXT) * 9,
        mime_type="text/plain",
        purpose="fine-tune",
        part_size=70,
    )
    assert upload.file is not None
    assert (upload.file.bytes, upload.file.filename) == (len(TEXT) * 9, "raven.txt")


def an_uploaded_file_can_be_trained_on(wire: Wire) -> None:
    """The file of a completed upload is a file like any other."""
    upload = wire.client().uploads.upload_file_chunked(
        file=TEXT, filename="a.txt", bytes=len(TEXT), mime_type="text/plain", purpose="fine-tune"
    )
    assert upload.file is not None
    assert wire.job(training_file=upload.file.id).training_file == upload.file.id


def parts_are_joined_in_the_order_that_is_named(wire: Wire) -> None:
    """The order of `part_ids` counts, not that of their arrival; they may arrive at once."""
    client, upload = wire.client(), _begin(wire)
    with ThreadPoolExecutor(3) as pool:
        pieces = [TEXT[20:], TEXT[:7], TEXT[7:20]]
        parts = list(pool.map(lambda data: client.uploads.parts.create(upload.id, data=data).id, pieces))
    completed = client.uploads.complete(upload.id, part_ids=[parts[1], parts[2], parts[0]])
    assert completed.file is not None
    assert client.files.content(completed.file.id).read() == TEXT


def an_interrupted_upload_goes_on(wire: Wire) -> None:
    """A part whose connection broke is sent again by the client, and the upload completes with it."""
    upload = _begin(wire)
    faulty = wire.faulty("before-break", "after-break", "pass")
    part = faulty.api.uploads.parts.create(upload.id, data=TEXT)
    assert len(faulty.requests()) == 3
    completed = wire.client().uploads.complete(upload.id, part_ids=[part.id])
    assert completed.file is not None
    assert wire.client().files.content(completed.file.id).read() == TEXT


def another_client_goes_on_with_an_upload(wire: Wire) -> None:
    """Parts that one client sent can be completed by another one, which asks what has arrived."""
    upload = _begin(wire)
    first = wire.client().uploads.parts.create(upload.id, data=TEXT[:30]).id
    answer: Any = wire.client().get(f"/uploads/{upload.id}", cast_to=object)
    assert [part["id"] for part in answer["scriptorium"]["parts"]] == [first]
    second = wire.client().uploads.parts.create(upload.id, data=TEXT[30:]).id
    assert wire.client().uploads.complete(upload.id, part_ids=[first, second]).status == "completed"


def completing_twice_gives_one_file(wire: Wire) -> None:
    """The same `complete` again, as after a lost answer, gives the same file."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT)
    faulty = wire.faulty("after-break", "after-503", "pass")
    completed = faulty.api.uploads.complete(upload.id, part_ids=[part.id])
    assert client.uploads.complete(upload.id, part_ids=[part.id]) == completed
    assert len(faulty.requests()) == 3


def completing_at_once_gives_one_file(wire: Wire) -> None:
    """Several threads that complete one upload get one and the same file."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT)
    with ThreadPoolExecutor(6) as pool:
        uploads = list(pool.map(lambda _: client.uploads.complete(upload.id, part_ids=[part.id]), range(6)))
    assert len({completed.file.id for completed in uploads if completed.file}) == 1


def another_order_after_the_end_is_a_conflict(wire: Wire) -> None:
    """A completed upload cannot be completed with other parts."""
    client, upload = wire.client(), _begin(wire)
    parts = [client.uploads.parts.create(upload.id, data=data).id for data in (TEXT[:5], TEXT[5:])]
    client.uploads.complete(upload.id, part_ids=parts)
    refused(openai.ConflictError, lambda: client.uploads.complete(upload.id, part_ids=parts[::-1]), "conflict")


def missing_bytes_are_refused(wire: Wire) -> None:
    """Fewer bytes than announced are a 400, and the upload stays open for the rest."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT[:10]).id
    refused(openai.BadRequestError, lambda: client.uploads.complete(upload.id, part_ids=[part]), "invalid_request")
    rest = client.uploads.parts.create(upload.id, data=TEXT[10:]).id
    assert client.uploads.complete(upload.id, part_ids=[part, rest]).status == "completed"


def a_wrong_md5_is_refused(wire: Wire) -> None:
    """An `md5` that does not fit is a 400 with its param."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT).id
    refused(
        openai.BadRequestError,
        lambda: client.uploads.complete(upload.id, part_ids=[part], md5="0" * 32),
        "invalid_request",
        "md5",
    )


def a_cancelled_upload_takes_nothing(wire: Wire) -> None:
    """A cancelled upload says so; parts and `complete` are conflicts then."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT).id
    assert client.uploads.cancel(upload.id).status == "cancelled"
    refused(openai.ConflictError, lambda: client.uploads.parts.create(upload.id, data=TEXT), "conflict")
    refused(openai.ConflictError, lambda: client.uploads.complete(upload.id, part_ids=[part]), "conflict")


def a_completed_upload_is_not_cancelled(wire: Wire) -> None:
    """Cancelling a completed upload is a 409, and its file stays."""
    client, upload = wire.client(), _begin(wire)
    part = client.uploads.parts.create(upload.id, data=TEXT).id
    completed = client.uploads.complete(upload.id, part_ids=[part])
    refused(openai.ConflictError, lambda: client.uploads.cancel(upload.id), "conflict")
    assert completed.file is not None
    assert client.files.retrieve(completed.file.id).bytes == len(TEXT)


def an_unknown_upload_is_not_found(wire: Wire) -> None:
    """Every call of an upload that does not exist is a 404."""
    uploads = wire.client().uploads
    for call in (
        lambda: uploads.parts.create("upload_none", data=TEXT),
        lambda: uploads.complete("upload_none", part_ids=["part_1"]),
        lambda: uploads.cancel("upload_none"),
    ):
        refused(openai.NotFoundError, call, "upload_not_found")


def an_upload_over_the_limit_is_refused_at_its_beginning(wire: Wire) -> None:
    """An upload that announces too many bytes is a 413 before any part was sent."""
    error = refused(openai.APIStatusError, lambda: _begin(wire, (1 << 20) + 1), "file_too_large", "bytes")
    assert error.status_code == 413
