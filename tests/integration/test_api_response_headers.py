"""What every response says to a browser, whatever it is: a page, JSON, a file, a stream, an error or a redirection."""

from __future__ import annotations

import httpx
import pytest
from keyed import Create
from work import submit

from scriptorium.jobs.runner import Context
from services.api.access.response_headers import RESPONSE_HEADERS

HOSTILE_PAGE = b"<script>fetch('/v1/files')</script>"
FIXED = {name: value for name, value in RESPONSE_HEADERS.items() if name != "Content-Security-Policy"}


def check_headers(answer: httpx.Response) -> None:
    """Check that no other site can show, embed or guess at a response, and that it runs nothing of others."""
    assert {name: answer.headers.get(name) for name in FIXED} == FIXED, answer.url
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'"), answer.url
    assert "frame-ancestors 'none'" in policy, answer.url
    assert "unsafe-eval" not in policy, answer.url
    assert "access-control-allow-origin" not in answer.headers, answer.url


def test_every_response_refuses_frames_sniffing_and_other_sites(http: httpx.Client, context: Context) -> None:
    job = submit(context, "ftjob-1")
    pages = ("/", "/submit", "/chat", "/models", "/docs", f"/jobs/{job.id}", "/jobs/nobody")
    programs = ("/v1/files", "/v1/models", "/openapi.json", "/healthz", "/metrics", "/v1/nowhere", "/login",
                f"/v1/fine_tuning/jobs/{job.id}/events")  # fmt: skip
    for path in (*pages, *programs):
        check_headers(http.get(path))
    check_headers(http.put("/v1/files"))
    check_headers(http.get("/v1/files", headers={"Host": "evil.example"}))
    check_headers(http.post("/v1/x/prune", headers={"Origin": "http://evil.example"}))


def test_a_stream_of_events_has_the_headers_too(http: httpx.Client, context: Context) -> None:
    job = submit(context, "ftjob-1")
    path = f"/v1/fine_tuning/jobs/{job.id}/events"
    with http.stream("GET", path, params={"stream": "true"}, headers={"Accept": "text/event-stream"}) as answer:
        check_headers(answer)


def test_an_uploaded_page_is_a_download_that_runs_nothing(http: httpx.Client) -> None:
    upload = http.post("/v1/files", files={"file": ("a.html", HOSTILE_PAGE)}, data={"purpose": "fine-tune"}).json()
    answer = http.get(f"/v1/files/{upload['id']}/content")
    check_headers(answer)
    assert answer.content == HOSTILE_PAGE
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-security-policy"].endswith("sandbox")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_foreign_page_is_never_told_that_it_may_read_or_send(http: httpx.Client, method: str) -> None:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization"}
    answer = http.options("/v1/files", headers={"Origin": "http://evil.example", **asked})
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_refused_key_has_the_headers_too(http: httpx.Client, create: Create) -> None:
    create("read")
    for path in ("/v1/files", "/"):
        answer = http.get(path)
        assert answer.status_code in {401, 303}
        check_headers(answer)
