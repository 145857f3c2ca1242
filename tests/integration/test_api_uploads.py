"""The unmodified `openai` client and uploads in parts: complete, resumed, cancelled, expired, and refused."""

from __future__ import annotations

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai.types import Upload
from standins import BASE

from scriptorium.jobs.runner import Context
from scriptorium.jobs.sweep import sweep
from services.api.limits import FORM_OVERHEAD, MAX_PART_BYTES

TEXT = b"Once upon a midnight dreary, while I pondered."


def begin(client: openai.OpenAI, size: int = len(TEXT), **options: Any) -> Upload:
    options = {"filename": "raven.txt", "mime_type": "text/plain", "purpose": "fine-tune"} | options
    return client.uploads.create(bytes=size, **options)


def expire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an hour pass."""
    now = time.time() + 3601
    monkeypatch.setattr("scriptorium.artifacts.uploads.upload_store.time.time", lambda: now)


def test_a_file_is_uploaded_in_parts_and_trained_on(client: openai.OpenAI, tmp_path: Path, context: Context) -> None:
    book = tmp_path / "raven.txt"
    book.write_bytes(TEXT * 10)
    digest = hashlib.md5(TEXT * 10, usedforsecurity=False).hexdigest()
    upload = client.uploads.upload_file_chunked(
        file=book, mime_type="text/plain", purpose="fine-tune", part_size=100, md5=digest
    )
    assert (upload.status, upload.filename, upload.bytes) == ("completed", "raven.txt", len(TEXT) * 10)
    assert upload.file is not None
    assert client.files.content(upload.file.id).read() == TEXT * 10
    assert client.files.retrieve(upload.file.id).filename == "raven.txt"
    assert client.fine_tuning.jobs.create(model=BASE, training_file=upload.file.id).training_file == upload.file.id
    assert [path.name for path in (context.volume.uploads / upload.id).glob("part_*")] == []


def test_parts_are_joined_in_the_order_of_their_ids(client: openai.OpenAI) -> None:
    upload = begin(client)

    def send(content: bytes) -> str:
        return client.uploads.parts.create(upload.id, data=content).id

    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(send, [TEXT[20:], TEXT[:7], TEXT[7:20]]))
    completed = client.uploads.complete(upload.id, part_ids=[parts[1], parts[2], parts[0]])
    assert completed.file is not None
    assert client.files.content(completed.file.id).read() == TEXT


def test_an_upload_goes_on_with_the_parts_that_arrived(client: openai.OpenAI, http: httpx.Client) -> None:
    upload = begin(client)
    first = client.uploads.parts.create(upload.id, data=TEXT[:20])
    assert (first.object, first.upload_id) == ("upload.part", upload.id)
    lost = client.uploads.parts.create(upload.id, data=TEXT[20:])  # whose answer was lost: it is sent again
    second = client.uploads.parts.create(upload.id, data=TEXT[20:])
    parts = http.get(f"/v1/uploads/{upload.id}").json()["scriptorium"]["parts"]
    assert [(part["id"], part["bytes"]) for part in parts] == [
        (part.id, size) for part, size in ((first, 20), (lost, len(TEXT) - 20), (second, len(TEXT) - 20))
    ]
    completed = client.uploads.complete(upload.id, part_ids=[first.id, second.id])
    assert client.uploads.complete(upload.id, part_ids=[first.id, second.id]) == completed  # the answer was lost
    assert len(client.files.list().data) == 1
    with pytest.raises(openai.ConflictError, match="completed"):
        client.uploads.complete(upload.id, part_ids=[second.id, first.id])


def test_what_is_not_the_whole_upload_is_not_joined(client: openai.OpenAI, context: Context) -> None:
    upload = begin(client)
    part = client.uploads.parts.create(upload.id, data=TEXT[:20])
    with pytest.raises(openai.BadRequestError, match="20 bytes together, not 46"):
        client.uploads.complete(upload.id, part_ids=[part.id])
    with pytest.raises(openai.BadRequestError, match="no part 'part_none'"):
        client.uploads.complete(upload.id, part_ids=[part.id, "part_none"])
    with pytest.raises(openai.BadRequestError, match="twice"):
        client.uploads.complete(upload.id, part_ids=[part.id, part.id])
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.complete(upload.id, part_ids=[])
    assert caught.value.param == "part_ids"
    rest = client.uploads.parts.create(upload.id, data=TEXT[20:])
    with pytest.raises(openai.BadRequestError) as caught:
        client.uploads.complete(upload.id, part_ids=[part.id, rest.id], md5="0" * 32)
    assert caught.value.param == "md5"
    assert list(context.volume.files.glob("*")) == []
    assert client.uploads.complete(upload.id, part_ids=[part.id, rest.id]).status == "completed"


def test_an_upload_is_cancelled(client: openai.OpenAI, context: Context) -> None:
    upload = begin(client)
    part = client.uploads.parts.create(upload.id, data=TEXT)
    assert client.uploads.cancel(upload.id).status == "cancelled"
    assert client.uploads.cancel(upload.id).status == "cancelled"
    assert list((context.volume.uploads / upload.id).glob("part_*")) == []
    with pytest.raises(openai.ConflictError, match="cancelled"):
        client.uploads.parts.create(upload.id, data=TEXT)
    with pytest.raises(openai.ConflictError):
        client.uploads.complete(upload.id, part_ids=[part.id])


def test_an_upload_expires_and_is_swept(
    client: openai.OpenAI, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload, other = begin(client), begin(client)
    part = client.uploads.parts.create(upload.id, data=TEXT)
    assert upload.expires_at == upload.created_at + 3600
    sweep(context)
    assert (context.volume.uploads / upload.id / part.id).exists()
    expire(monkeypatch)
    for call in (
        lambda: client.uploads.parts.create(other.id, data=TEXT),
        lambda: client.uploads.complete(upload.id, part_ids=[part.id]),
        lambda: client.uploads.cancel(upload.id),
    ):
        with pytest.raises(openai.ConflictError, match="expired"):
            call()
    sweep(context)
    assert list(context.volume.uploads.iterdir()) == []
    with pytest.raises(openai.NotFoundError) as caught:
        client.uploads.complete(upload.id, part_ids=[part.id])
    assert caught.value.code == "upload_not_found"


@pytest.mark.parametrize("upload_id", ["upload_none", "..%2F..%2Fetc", "upload_" + "0" * 26])
def test_there_is_no_such_upload(http: httpx.Client, upload_id: str) -> None:
    path = f"/v1/uploads/{upload_id}"
    answers = [
        http.get(path),
        http.post(f"{path}/parts", files={"data": b"x"}),
        http.post(f"{path}/complete", json={"part_ids": ["a"]}),
        http.post(f"{path}/cancel"),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_limits(client: openai.OpenAI, http: httpx.Client, context: Context) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        begin(client, context.settings.max_upload_bytes + 1)
    assert (caught.value.status_code, caught.value.code, caught.value.param) == (413, "file_too_large", "bytes")
    with pytest.raises(openai.BadRequestError):
        begin(client, 0)
    with pytest.raises(openai.BadRequestError):
        begin(client, purpose="world domination")
    upload = begin(client)
    with pytest.raises(openai.APIStatusError) as caught:
        client.uploads.parts.create(upload.id, data=TEXT + b"!")
    assert (caught.value.status_code, caught.value.param) == (413, "data")
    assert "whole size" in caught.value.body["next_step"]  # type: ignore[index,call-overload]
    for _ in range(2):
        client.uploads.parts.create(upload.id, data=TEXT)
    with pytest.raises(openai.APIStatusError, match="2 x 46"):
        client.uploads.parts.create(upload.id, data=TEXT)
    assert len(http.get(f"/v1/uploads/{upload.id}").json()["scriptorium"]["parts"]) == 2
    with closing(HTTPConnection(http.base_url.netloc.decode(), timeout=20)) as connection:
        connection.putrequest("POST", f"/v1/uploads/{upload.id}/parts")
        connection.putheader("Content-Length", str(MAX_PART_BYTES + FORM_OVERHEAD + 1))
        connection.endheaders()
        refused = connection.getresponse()
        assert (refused.status, json.load(refused)["error"]["param"]) == (413, "data")


def test_a_volume_without_room_takes_no_upload(client: openai.OpenAI, context: Context) -> None:
    object.__setattr__(context.settings, "min_free_bytes", 1 << 60)
    with pytest.raises(openai.APIStatusError) as caught:
        begin(client)
    assert (caught.value.status_code, caught.value.code) == (507, "disk_low")


def test_the_file_of_an_upload_may_expire(client: openai.OpenAI) -> None:
    upload = begin(client, expires_after={"anchor": "created_at", "seconds": 7200})
    part = client.uploads.parts.create(upload.id, data=TEXT)
    file = client.uploads.complete(upload.id, part_ids=[part.id]).file
    assert file is not None
    assert file.expires_at == file.created_at + 7200
