"""What every call refuses in the same way: another method, another content type, a body that is too large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from standins import BASE

from services.api.limits import JSON_LIMIT

JSON_CALLS = ["/v1/fine_tuning/jobs", "/v1/x/estimate", "/v1/x/prune", "/v1/x/jobs/ftjob-1/decisions/checkpoint"]
JSON_CALLS += ["/v1/chat/completions", "/v1/completions"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/files", "GET, POST"),
        ("POST", "/v1/files/file-1/content", "GET, HEAD"),
        ("PATCH", "/v1/fine_tuning/jobs/ftjob-1", "DELETE, GET"),
        ("POST", "/v1/models/ft:a:b:c:d", "DELETE, GET"),
        ("DELETE", "/healthz", "GET"),
    ],
)
def test_a_method_that_is_not_taken_is_answered_with_those_that_are(
    http: httpx.Client, method: str, path: str, allowed: str
) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["error"]["code"] == "method_not_allowed"
    assert allowed in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", JSON_CALLS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_of_another_type_is_told_the_due_one(http: httpx.Client, path: str, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = http.post(path, content=b'{"model": "tiny"}', headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (415, "unsupported_media_type")
    assert "application/json" in error["message"]
    assert error["next_step"] == "Send the header Content-Type: application/json."


def test_json_that_is_no_object_and_no_body_are_not_blamed_on_the_type(http: httpx.Client) -> None:
    for request in ({"json": [1]}, {"content": b"{", "headers": {"Content-Type": "application/json"}}, {}):
        answer = http.post("/v1/fine_tuning/jobs", **request)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/v1/fine_tuning/jobs", "/v1/chat/completions"])
@pytest.mark.parametrize("announced", [True, False])
def test_json_that_is_too_large_is_no_file(http: httpx.Client, path: str, announced: bool) -> None:
    text = b'{"model": "' + b"x" * JSON_LIMIT + b'"}'
    content = text if announced else iter([text])
    answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (413, "request_too_large", None)


def test_jobs_may_be_deleted_while_they_are_listed(client: openai.OpenAI, http: httpx.Client, book: str) -> None:
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=f"v{n}") for n in range(5)]
    for job in jobs:
        client.fine_tuning.jobs.cancel(job.id)
    deleted = []
    for job in client.fine_tuning.jobs.list(limit=2):
        assert http.delete(f"/v1/fine_tuning/jobs/{job.id}").status_code == 200
        deleted.append(job.id)
    assert deleted == [job.id for job in jobs[::-1]]


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.fine_tuning.checkpoints.permissions.create(
            "ft:a/b:scriptorium:poe:1:ckpt-step-7", project_ids=["p"]
        ),
        lambda client: client.fine_tuning.checkpoints.permissions.list("ft:a:scriptorium:poe:1:ckpt-step-7"),
        lambda client: client.fine_tuning.alpha.graders.validate(
            grader={"type": "string_check", "name": "x", "input": "a", "reference": "a", "operation": "eq"}
        ),
        lambda client: client.responses.create(model=BASE, input="Begin."),
        lambda client: client.embeddings.create(model=BASE, input="Begin."),
        lambda client: client.batches.list(),
        lambda client: client.webhooks.list(),
        lambda client: client.webhooks.create(event_types=["fine_tuning.job.failed"], name="x", url="https://a.b"),
        lambda client: client.webhooks.test("we_1", event_type="fine_tuning.job.failed"),
        lambda client: client.webhooks.event_types.list(),
    ],
)
def test_what_only_the_hosted_service_has_is_refused_with_a_reason(
    client: openai.OpenAI, call: Callable[[openai.OpenAI], Any]
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        call(client)
    assert (caught.value.status_code, caught.value.code) == (404, "not_offered")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert caught.value.response.json()["error"]["next_step"]
