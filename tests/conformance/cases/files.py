"""Files: their record, their bytes and names, their lists, and what happens to a list while files come and go."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.conformance.cases.wire import TEXT, Wire, refused, unique


def _is_kept_by_name(wire: Wire, name: str) -> None:
    client = wire.client()
    uploaded = client.files.create(file=(name, TEXT), purpose="fine-tune")
    assert uploaded.filename == name
    assert client.files.retrieve(uploaded.id).filename == name
    assert client.files.content(uploaded.id).read() == TEXT


def an_upload_is_a_file_object(wire: Wire) -> None:
    """POST /files answers with a file object whose every required field is there."""
    file = wire.client().files.create(file=("book.txt", TEXT), purpose="fine-tune")
    assert (file.object, file.bytes, file.purpose, file.filename) == ("file", len(TEXT), "fine-tune", "book.txt")
    assert file.id.startswith("file-")
    assert isinstance(file.created_at, int)
    assert file.status in ("uploaded", "processed")


def processing_ends(wire: Wire) -> None:
    """`wait_for_processing` returns: the status becomes "processed" or "error"."""
    assert wire.client().files.wait_for_processing(wire.book(), poll_interval=0.1).status == "processed"


def retrieve_equals_what_was_created(wire: Wire) -> None:
    """GET /files/{id} answers with the object that the upload answered with."""
    client = wire.client()
    file = client.files.create(file=("book.txt", TEXT), purpose="fine-tune")
    assert client.files.retrieve(file.id) == file


def content_is_byte_for_byte(wire: Wire) -> None:
    """GET /files/{id}/content gives the raw bytes, whatever they are."""
    content = bytes(range(256)) * 300 + b"\r\n--boundary--\r\n"
    assert wire.client().files.content(wire.book(content)).read() == content


def content_is_streamed(wire: Wire) -> None:
    """The content can be read in blocks through `with_streaming_response`."""
    content, client = TEXT * 5000, wire.client()
    with client.files.with_streaming_response.content(wire.book(content)) as answer:
        assert b"".join(answer.iter_bytes(1000)) == content


def an_empty_file_has_no_bytes(wire: Wire) -> None:
    """A file of no bytes is a file; its job says what is wrong."""
    client = wire.client()
    file = client.files.create(file=("empty.txt", b""), purpose="fine-tune")
    assert (file.bytes, client.files.content(file.id).read()) == (0, b"")


def a_name_may_have_quotation_marks(wire: Wire) -> None:
    """A quotation mark in a name comes back as one."""
    _is_kept_by_name(wire, 'the "raven".txt')


def a_name_may_have_line_ends(wire: Wire) -> None:
    """A line end in a name comes back as one."""
    _is_kept_by_name(wire, "two\nlines\r\n.txt")


def a_name_may_be_in_any_script(wire: Wire) -> None:
    """Letters outside Latin come back, in the record and in the download."""
    _is_kept_by_name(wire, "Война и мир — 戦争と平和 🪶.txt")


def a_name_may_have_percent_signs(wire: Wire) -> None:
    """A percent sign that encodes nothing stays as it is."""
    _is_kept_by_name(wire, "100% %41 %zz.txt")


def a_name_is_no_path(wire: Wire) -> None:
    """Of a name that looks like a path the last part stays; other signs are part of the name."""
    client = wire.client()
    for path in ("../../etc/passwd", "/etc/passwd"):
        assert client.files.create(file=(path, TEXT), purpose="fine-tune").filename == "passwd"
    _is_kept_by_name(wire, "a;b=c, d.txt")


def an_encoded_quotation_mark_is_decoded(wire: Wire) -> None:
    """`%22` and `%0A` in a form are the characters that a browser encodes so."""
    head = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b\r\n'
    head += b'Content-Disposition: form-data; name="file"; filename="a%22b%0Ac.txt"\r\n\r\nx\r\n--b--\r\n'
    answer = wire.raw("POST", "/v1/files", head, {"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status == 200
    assert b'"a\\"b\\nc.txt"' in answer.content


def the_list_pages_itself(wire: Wire) -> None:
    """Iterating over a page walks on with `after` until `has_more` is false."""
    client = wire.client()
    ids = [wire.book(purpose="batch") for _ in range(5)]
    listed = [file.id for file in client.files.list(purpose="batch", limit=2)]
    assert [file_id for file_id in listed if file_id in ids] == ids[::-1]
    assert len(listed) == len(set(listed))


def a_page_says_whether_there_is_more(wire: Wire) -> None:
    """A page has `data`, `has_more`, and a next page as long as there is more."""
    client = wire.client()
    for _ in range(2):
        wire.book(purpose="evals")
    page = client.files.list(purpose="evals", limit=1)
    assert (len(page.data), page.has_more, page.has_next_page()) == (1, True, True)
    rest = client.files.list(purpose="evals", limit=10000)
    assert (rest.has_more, rest.has_next_page()) == (False, False)


def order_turns_the_list(wire: Wire) -> None:
    """`order=asc` lists oldest first, `desc` newest first."""
    client = wire.client()
    ids = [wire.book(purpose="vision") for _ in range(4)]
    ascending = [file.id for file in client.files.list(purpose="vision", order="asc", limit=3)]
    assert ascending[-4:] == ids
    assert [file.id for file in client.files.list(purpose="vision", order="desc", limit=3)] == ascending[::-1]


def purpose_narrows_the_list(wire: Wire) -> None:
    """`purpose` lists only the files of that purpose."""
    client, other = wire.client(), wire.book(purpose="user_data")
    assert other in {file.id for file in client.files.list(purpose="user_data")}
    assert other not in {file.id for file in client.files.list(purpose="fine-tune")}


def files_may_come_while_they_are_listed(wire: Wire) -> None:
    """Files that are created meanwhile make no page repeat or skip one that was there."""
    client = wire.client()
    ids = [wire.book() for _ in range(12)]
    with ThreadPoolExecutor(1) as pool:
        created = pool.submit(lambda: [wire.book() for _ in range(12)])
        listed = [file.id for file in client.files.list(limit=3)]
        created.result()
    assert [file_id for file_id in listed if file_id in ids] == ids[::-1]
    assert len(listed) == len(set(listed))


def files_may_go_while_they_are_listed(wire: Wire) -> None:
    """A loop that deletes what it lists reaches every file, in either order."""
    client = wire.client()
    for order in ("asc", "desc"):
        ids = [wire.book(purpose="assistants") for _ in range(5)]
        deleted = []
        for file in client.files.list(purpose="assistants", limit=2, order=order):  # type: ignore[arg-type]
            client.files.delete(file.id)
            deleted.append(file.id)
        assert [file_id for file_id in deleted if file_id in ids] == (ids if order == "asc" else ids[::-1])


def after_a_deleted_file_the_list_goes_on(wire: Wire) -> None:
    """`after` may name a file that was deleted since."""
    client = wire.client()
    first, second, third = (wire.book() for _ in range(3))
    client.files.delete(second)
    assert client.files.list(after=second, limit=1).data[0].id == first
    assert client.files.list(after=second, order="asc", limit=1).data[0].id == third


def after_an_unknown_file_is_refused(wire: Wire) -> None:
    """`after` an item that never was is a 400 with its param."""
    refused(openai.BadRequestError, lambda: wire.client().files.list(after="file-none"), "invalid_request", "after")


def a_deleted_file_is_gone(wire: Wire) -> None:
    """DELETE answers {id, object, deleted}; then the file is a 404 everywhere."""
    client, file_id = wire.client(), wire.book()
    deleted = client.files.delete(file_id)
    assert (deleted.id, deleted.object, deleted.deleted) == (file_id, "file", True)
    calls: list[Any] = [client.files.retrieve, client.files.content, client.files.delete]
    for call in calls:
        refused(openai.NotFoundError, lambda call=call: call(file_id), "file_not_found")


def a_file_in_use_is_not_deleted(wire: Wire) -> None:
    """A file that a living job needs is a 409; after the job's end it goes."""
    client, file_id = wire.client(), wire.book()
    job = wire.job(training_file=file_id)
    refused(openai.ConflictError, lambda: client.files.delete(file_id), "conflict")
    client.fine_tuning.jobs.cancel(job.id)
    assert client.files.delete(file_id).deleted


def a_file_expires_when_it_says(wire: Wire) -> None:
    """`expires_after` with anchor and seconds gives `expires_at`."""
    client, expiry = wire.client(), {"anchor": "created_at", "seconds": 7200}
    native = "expires_after" in inspect.signature(client.files.create).parameters
    options: Any = {"expires_after": expiry} if native else {"extra_body": {"expires_after": expiry}}
    file = client.files.create(file=("a.txt", b"x"), purpose="fine-tune", **options)
    assert client.files.retrieve(file.id).to_dict()["expires_at"] == file.created_at + 7200


def an_expiry_out_of_range_is_refused(wire: Wire) -> None:
    """`expires_after` takes an hour to thirty days."""
    for seconds in (3599, 30 * 24 * 3600 + 1):
        extra = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
        refused(
            openai.BadRequestError,
            lambda extra=extra: wire.client().files.create(file=("a", b"x"), purpose="fine-tune", extra_body=extra),
            "invalid_request",
        )


def a_purpose_must_be_one_of_openais(wire: Wire) -> None:
    """An unknown purpose is a 400 that names it; all of OpenAI's are taken."""
    purpose: Any = "world domination"
    refused(openai.BadRequestError, lambda: wire.book(purpose=purpose), "invalid_request", "purpose")
    for purpose in ("assistants", "batch", "evals", "fine-tune", "user_data", "vision"):
        assert wire.client().files.retrieve(wire.book(purpose=purpose)).purpose == purpose


def a_file_over_the_limit_is_refused(wire: Wire) -> None:
    """More bytes than the server takes are a 413."""
    error = refused(openai.APIStatusError, lambda: wire.book(b"x" * ((1 << 20) + 1)), "file_too_large")
    assert error.status_code == 413


def uploads_at_once_are_all_kept(wire: Wire) -> None:
    """Files that are uploaded by several threads at once are all there, each with its bytes."""
    texts = [unique("text").encode() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(wire.book, texts))
    assert [wire.client().files.content(file_id).read() for file_id in ids] == texts


def what_is_listed_is_there(wire: Wire) -> None:
    """The list has the very objects that GET /files/{id} answers with."""
    client, file_id = wire.client(), wire.book()
    [listed] = [file for file in client.files.list() if file.id == file_id]
    assert listed == client.files.retrieve(file_id)
