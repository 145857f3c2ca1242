"""Errors: every status in the API's shape, mapped to the client's exception, with an id and a word on retries."""

from __future__ import annotations

import json
from typing import Any

import openai

from tests.conformance.cases.wire import BASE, NotInClient, Wire, refused, sign_webhook

JSON = {"Content-Type": "application/json"}


def _has_the_shape(error: dict[str, Any]) -> bool:
    return {"message", "type", "param", "code"} <= error.keys() and bool(error["message"])


def a_400_is_a_bad_request(wire: Wire) -> None:
    """400 is BadRequestError with message, type, param and code."""
    error = refused(openai.BadRequestError, lambda: wire.job(seed=-1), "invalid_request", "seed")
    assert error.type == "invalid_request_error"
    assert isinstance(error.body, dict)
    assert _has_the_shape(error.body)


def a_404_is_not_found(wire: Wire) -> None:
    """404 is NotFoundError with message, type, param and code."""
    error = refused(openai.NotFoundError, lambda: wire.client().fine_tuning.jobs.retrieve("x"), "job_not_found")
    assert isinstance(error.body, dict)
    assert _has_the_shape(error.body)


def an_unknown_address_is_not_found(wire: Wire) -> None:
    """An address that the API does not have is a 404 in the same shape."""
    refused(openai.NotFoundError, lambda: wire.client().get("/no/such/call", cast_to=object), "not_found")


def a_409_is_a_conflict(wire: Wire) -> None:
    """409 is ConflictError with message, type, param and code."""
    file_id = wire.book()
    wire.job(training_file=file_id)
    error = refused(openai.ConflictError, lambda: wire.client().files.delete(file_id), "conflict")
    assert isinstance(error.body, dict)
    assert _has_the_shape(error.body)


def a_405_names_the_methods(wire: Wire) -> None:
    """405 has the allowed methods in `Allow`, and the usual shape."""
    for method, path, allowed in (
        ("PUT", "/v1/files", "GET, POST"),
        ("PATCH", "/v1/fine_tuning/jobs/ftjob-1", "DELETE, GET"),
        ("DELETE", "/v1/chat/completions", "POST"),
    ):
        answer = wire.raw(method, path)
        assert (answer.status, answer.headers["allow"]) == (405, allowed)
        assert _has_the_shape(answer.error)
    error = refused(openai.APIStatusError, lambda: wire.client().put("/files", cast_to=object), "method_not_allowed")
    assert error.status_code == 405


def a_413_is_told_for_json(wire: Wire) -> None:
    """JSON beyond the limit is a 413 in the same shape."""
    error = refused(openai.APIStatusError, lambda: wire.job(metadata={"a": "x" * (1 << 20)}), "request_too_large")
    assert error.status_code == 413


def a_415_names_the_type(wire: Wire) -> None:
    """A body of another content type is a 415 that names the right one."""
    answer = wire.raw("POST", "/v1/fine_tuning/jobs", b"model=a", {"Content-Type": "text/plain"})
    assert (answer.status, answer.error["code"]) == (415, "unsupported_media_type")
    assert "application/json" in answer.error["message"]


def there_is_no_bare_422(wire: Wire) -> None:
    """What FastAPI would call 422 is a 400 in our shape, in a body, a form and a query."""
    answers = [
        wire.raw("POST", "/v1/fine_tuning/jobs", b'{"model": 5}', JSON),
        wire.raw("POST", "/v1/uploads", b'{"bytes": "many"}', JSON),
        wire.raw("GET", "/v1/files?limit=many"),
        wire.raw("POST", "/v1/files", b"--b--\r\n", {"Content-Type": "multipart/form-data; boundary=b"}),
    ]
    assert [answer.status for answer in answers] == [400] * 4
    assert all(_has_the_shape(answer.error) for answer in answers)


def broken_json_is_a_400(wire: Wire) -> None:
    """JSON that is none, or is no object, is a 400 in the same shape."""
    for body in (b"{", b"[1]", b'"x"', b"\xff\xfe", b"", b"null"):
        for path in ("/v1/fine_tuning/jobs", "/v1/chat/completions"):
            answer = wire.raw("POST", path, body, JSON)
            assert (answer.status, _has_the_shape(answer.error)) == (400, True), (path, body, answer.content)


def deep_json_is_a_400(wire: Wire) -> None:
    """JSON that is nested beyond reason is refused, and nothing falls over."""
    body = b'{"model": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    for path in ("/v1/fine_tuning/jobs", "/v1/chat/completions", "/v1/uploads"):
        assert wire.raw("POST", path, body, JSON).status == 400


def every_answer_has_a_request_id(wire: Wire) -> None:
    """`x-request-id` is on every answer, good or bad, and the client shows it."""
    client = wire.client()
    ids = [
        client.fine_tuning.jobs.with_raw_response.list(limit=1).headers["x-request-id"],
        refused(openai.NotFoundError, lambda: client.files.retrieve("x")).request_id,
        wire.raw("GET", "/nowhere").headers["x-request-id"],
        wire.raw("PUT", "/v1/files").headers["x-request-id"],
    ]
    assert all(ids)
    assert len(set(ids)) == 4


def a_raw_response_has_headers_and_a_parsed_body(wire: Wire) -> None:
    """`with_raw_response` gives the headers, and `parse()` the object."""
    job = wire.job()
    response = wire.client().fine_tuning.jobs.with_raw_response.retrieve(job.id)
    assert response.headers["content-type"].startswith("application/json")
    assert response.parse().id == job.id
    assert response.status_code == 200


def what_only_the_hosted_service_has_is_told(wire: Wire) -> None:
    """Calls that only the hosted service has are a 404 `not_offered` with a next step."""
    client = wire.client()
    calls: list[Any] = [
        lambda: client.embeddings.create(model=BASE, input="x"),
        lambda: client.responses.create(model=BASE, input="x"),
        client.batches.list,
        lambda: client.fine_tuning.checkpoints.permissions.retrieve(f"ft:{BASE}:scriptorium:a:1:ckpt-step-7"),
    ]
    for call in calls:
        error = refused(openai.NotFoundError, call, "not_offered")
        assert isinstance(error.body, dict)
        assert error.body["next_step"]


def ids_are_no_paths(wire: Wire) -> None:
    """An id with dots and slashes is not found, and leads nowhere."""
    client = wire.client()
    for odd in ("..%2F..%2Fetc%2Fpasswd", "%00", "file-1%0A", "🪶", "a" * 300):
        for path in (f"/v1/files/{odd}", f"/v1/files/{odd}/content", f"/v1/fine_tuning/jobs/{odd}"):
            answer = wire.raw(
                "GET", path.encode("utf-8").decode("latin-1") if odd.isascii() else "/v1/files/%F0%9F%AA%B6"
            )
            assert (answer.status, _has_the_shape(answer.error)) == (404, True), (path, answer.content)
    refused(openai.NotFoundError, lambda: client.files.retrieve("../jobs"))


def unknown_keys_of_a_job_are_named(wire: Wire) -> None:
    """A misspelt key of a request is refused by its name instead of ignored."""
    error = refused(openai.BadRequestError, lambda: wire.job(extra_body={"sufix": "x"}), "invalid_request", "sufix")
    assert "sufix" in str(error)


def a_webhook_is_unwrapped(wire: Wire) -> None:
    """`webhooks.unwrap` takes a notice that is signed by the rule of Standard Webhooks, and no other."""
    client: Any = wire.client()
    if not hasattr(client, "webhooks"):
        raise NotInClient("client.webhooks")
    body = json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "fine_tuning.job.succeeded",
            "created_at": 1,
            "data": {"id": "ftjob-1"},
        }
    )
    secret, headers = sign_webhook(body)
    event = client.webhooks.unwrap(body, headers, secret=secret)
    assert (event.type, event.data.id) == ("fine_tuning.job.succeeded", "ftjob-1")
    try:
        client.webhooks.unwrap(body.replace("ftjob-1", "ftjob-2"), headers, secret=secret)
    except openai.InvalidWebhookSignatureError:
        return
    raise AssertionError("a notice that was changed on its way was taken")
