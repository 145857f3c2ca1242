"""The unmodified `openai` client and files: upload, list, download, delete."""

from __future__ import annotations

import hashlib
import time
from typing import Any, Literal

import httpx
import openai
import pytest
from standins import BASE, Sent, serving

from scriptorium.jobs.runner import Context
from scriptorium.jobs.sweep import sweep
from services.api.application import create_app


def test_a_file_is_uploaded_looked_at_fetched_and_deleted(client: openai.OpenAI) -> None:
    uploaded = client.files.create(file=("böok\n.txt", b"Once upon a time."), purpose="fine-tune")
    assert (uploaded.bytes, uploaded.purpose, uploaded.status, uploaded.object) == (
        17,
        "fine-tune",
        "processed",
        "file",
    )
    assert uploaded.filename == "böok\n.txt"
    assert client.files.wait_for_processing(uploaded.id).status == "processed"
    assert client.files.content(uploaded.id).read() == b"Once upon a time."
    assert client.files.retrieve(uploaded.id) == uploaded
    assert client.files.delete(uploaded.id).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(uploaded.id)
    assert (caught.value.code, caught.value.type) == ("file_not_found", "invalid_request_error")


def test_files_are_listed_page_by_page(client: openai.OpenAI) -> None:
    names = [f"{number}.txt" for number in range(5)]
    file_ids = [client.files.create(file=(name, b"x"), purpose="fine-tune").id for name in names]
    client.files.create(file=("other.txt", b"x"), purpose="user_data")
    listed = [file.id for file in client.files.list(purpose="fine-tune", limit=2)]  # the client turns the pages
    assert listed == file_ids[::-1]
    assert [file.id for file in client.files.list(purpose="fine-tune", order="asc")] == listed[::-1]
    first = client.files.list(limit=1)
    assert first.has_more
    assert len(first.data) == 1


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_files_may_be_deleted_while_they_are_listed(client: openai.OpenAI, order: Literal["asc", "desc"]) -> None:
    file_ids = [client.files.create(file=(f"{number}.txt", b"x"), purpose="fine-tune").id for number in range(5)]
    deleted = []
    for file in client.files.list(limit=2, order=order):
        client.files.delete(file.id)
        deleted.append(file.id)
    assert deleted == (file_ids if order == "asc" else file_ids[::-1])
    with pytest.raises(openai.BadRequestError):
        client.files.list(after="file-none")


@pytest.mark.parametrize("name", ['a "b".txt', "a\r\nb.txt", "100%.txt", "%41.txt", "a;b=c.txt"])
def test_a_file_has_the_name_that_its_client_gave_it(client: openai.OpenAI, name: str) -> None:
    assert client.files.create(file=(name, b"x"), purpose="fine-tune").filename == name


def test_a_range_of_a_file_can_be_fetched(http: httpx.Client, book: str) -> None:
    part = http.get(f"/v1/files/{book}/content", headers={"Range": "bytes=5-8"})
    assert (part.status_code, part.text) == (206, "upon")
    assert part.headers["content-disposition"].startswith("attachment")
    assert part.headers["content-type"] == "application/octet-stream"


def test_a_download_can_go_on_where_it_stopped(http: httpx.Client, book: str) -> None:
    path = f"/v1/files/{book}/content"
    complete = http.get(path)
    etag = complete.headers["etag"]
    assert etag == f'"{hashlib.sha256(complete.content).hexdigest()}"'
    assert (http.head(path).headers["etag"], http.head(path).headers["accept-ranges"]) == (etag, "bytes")
    rest = http.get(path, headers={"Range": "bytes=5-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, complete.content[5:])
    assert rest.headers["content-range"] == f"bytes 5-{len(complete.content) - 1}/{len(complete.content)}"
    other = http.get(path, headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (other.status_code, other.content) == (200, complete.content)
    beyond = http.get(path, headers={"Range": f"bytes={len(complete.content)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(complete.content)}")


def test_an_upload_over_the_limit_is_refused(context: Context, sent: Sent) -> None:
    small = Context(
        context.settings.model_copy(update={"max_upload_bytes": 1000}), context.store, context.volume, context.pipeline
    )
    with serving(create_app(small, reaping=False, count_waiting=sent.waiting)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        for size in (1001, 200_000):  # detected while it is stored; announced by its length
            with pytest.raises(openai.APIStatusError) as caught:
                client.files.create(file=("book.txt", b"x" * size), purpose="fine-tune")
            assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
        client.close()
    assert list(context.volume.files.glob("*")) == []


def test_what_an_upload_lacks_is_named(http: httpx.Client) -> None:
    answer = http.post("/v1/files", data={"purpose": "world domination"})
    assert answer.status_code == 400
    assert {problem.split(":")[0] for problem in answer.json()["error"]["message"].splitlines()[1:]} == {
        "- file",
        "- purpose",
    }


def test_a_file_expires_unless_a_job_needs_it(
    client: openai.OpenAI, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(seconds: int = 3600) -> str:
        expiry: Any = {"anchor": "created_at", "seconds": seconds}
        return client.files.create(file=("a.txt", b"x"), purpose="fine-tune", expires_after=expiry).id

    needed, unneeded, later = upload(), upload(), upload(30 * 24 * 3600)
    stays = client.files.create(file=("a.txt", b"x"), purpose="fine-tune")
    assert stays.expires_at is None
    expires_at, created_at = client.files.retrieve(needed).expires_at, client.files.retrieve(needed).created_at
    assert expires_at == created_at + 3600
    job = client.fine_tuning.jobs.create(model=BASE, training_file=needed)
    sweep(context)
    assert len(client.files.list().data) == 4
    now = time.time() + 3601
    monkeypatch.setattr("scriptorium.artifacts.file_store.time.time", lambda: now)
    sweep(context)
    assert {file.id for file in client.files.list()} == {needed, later, stays.id}
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(unneeded)
    client.fine_tuning.jobs.cancel(job.id)
    sweep(context)
    assert {file.id for file in client.files.list()} == {later, stays.id}


@pytest.mark.parametrize(
    "expiry",
    [
        {"anchor": "created_at"},
        {"seconds": "3600"},
        {"anchor": "last_active_at", "seconds": "3600"},
        {"anchor": "created_at", "seconds": "59"},
        {"anchor": "created_at", "seconds": "2592001"},
        {"anchor": "created_at", "seconds": "soon"},
    ],
)
def test_an_expiry_that_cannot_be_is_refused(http: httpx.Client, expiry: dict[str, str]) -> None:
    form = {"purpose": "fine-tune"} | {f"expires_after[{name}]": value for name, value in expiry.items()}
    answer = http.post("/v1/files", data=form, files={"file": b"x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "expires_after" in answer.json()["error"]["param"] or "expires_after" in answer.json()["error"]["message"]


@pytest.mark.parametrize("purpose", ["assistants", "batch", "vision", "evals", "user_data"])
def test_a_file_for_something_else_is_kept_but_not_trained_on(client: openai.OpenAI, purpose: Any) -> None:
    file = client.files.create(file=("book.txt", b"Once upon a time."), purpose=purpose)
    assert [file.id for file in client.files.list(purpose=purpose)] == [file.id]
    with pytest.raises(openai.BadRequestError, match=f"{purpose}; upload it with the purpose fine-tune") as caught:
        client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
    assert caught.value.param == "training_file"


def test_a_file_that_a_job_needs_is_not_deleted(client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    with pytest.raises(openai.ConflictError) as caught:
        client.files.delete(book)
    assert caught.value.code == "conflict"
    client.fine_tuning.jobs.cancel(job.id)
    assert client.files.delete(book).deleted
