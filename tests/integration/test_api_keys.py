"""Keys of the API: without any it serves this machine alone; with one, every call needs a key with its scope."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import openai
import pytest
from keyed import Create, ask, refusal
from standins import BASE, AnsweringEngine, Sent, serving
from typer.testing import CliRunner
from work import submit

from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import KeyScope
from scriptorium.cli import app, main
from scriptorium.cli.client import Client
from scriptorium.cli.transfer import ApiError
from scriptorium.jobs.runner import Context
from scriptorium.local.services import service_environment
from scriptorium.settings import get_settings
from scriptorium.store import request_counts
from services.api.application import create_app

MESSAGES: Any = [{"role": "user", "content": "Begin."}]
CROSS_SITE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:3000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:3000"},
]


def test_without_keys_any_or_no_key_is_taken(http: httpx.Client) -> None:
    assert ask(http, "GET", "/v1/files").status_code == 200
    assert ask(http, "GET", "/v1/files", "none").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8421", "127.0.0.1.evil.example", "10.0.0.7", "0.0.0.0"])  # noqa: S104
def test_without_keys_a_foreign_host_is_refused(http: httpx.Client, host: str) -> None:
    assert refusal(http.get("/v1/files", headers={"Host": host})) == (403, "foreign_host")
    assert refusal(http.get("/metrics", headers={"Host": host})) == (403, "foreign_host")
    assert http.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:99", "[::1]:8421", "testserver", "a.localhost."]
)
def test_without_keys_the_names_of_this_machine_and_of_the_settings_are_answered(http: httpx.Client, host: str) -> None:
    assert http.get("/v1/files", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_without_keys_a_page_of_another_site_changes_nothing(http: httpx.Client, headers: dict[str, str]) -> None:
    form = {"files": {"file": ("a.txt", b"Once.")}, "data": {"purpose": "fine-tune"}}
    for path, body in (("/v1/files", form), ("/v1/x/prune", {}), ("/v1/chat/completions", {"json": {"model": BASE}})):
        assert refusal(http.post(path, headers=headers, **body)) == (403, "cross_site_request")  # type: ignore[arg-type]
    assert http.get("/v1/files", headers=headers).json()["data"] == []


def test_without_keys_our_own_pages_may_send_forms(http: httpx.Client) -> None:
    own = f"http://{http.base_url.netloc.decode()}"
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": own}, {"Origin": own}, {"Sec-Fetch-Site": "none"}):
        assert http.post("/v1/x/prune", headers=headers).status_code == 200


def test_a_chat_takes_json_alone(http: httpx.Client) -> None:
    body = json.dumps({"model": BASE, "messages": MESSAGES}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded"):
        answer = http.post("/v1/chat/completions", content=body, headers={"Content-Type": content_type})
        assert refusal(answer) == (415, "unsupported_media_type")


def test_the_first_key_closes_the_api_at_once(http: httpx.Client, create: Create) -> None:
    assert http.get("/v1/files").status_code == 200
    secret = create("read")
    for wrong in ("", "none", f"{secret}x", secret[:-1]):
        answer = ask(http, "GET", "/v1/files", wrong)
        assert refusal(answer) == (401, "invalid_api_key")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert refusal(http.get("/v1/files", headers={"Authorization": f"Basic {secret}"})) == (401, "invalid_api_key")
    assert refusal(http.get("/nowhere")) == (401, "invalid_api_key")
    assert refusal(http.get("/openapi.json")) == (401, "invalid_api_key")
    assert ask(http, "GET", "/v1/files", secret).status_code == 200
    assert refusal(ask(http, "GET", "/nowhere", secret)) == (404, "not_found")
    assert http.get("/healthz").status_code == 200


def test_a_key_is_refused_before_its_upload_is_read(http: httpx.Client, create: Create, context: Context) -> None:
    create("read")
    answer = http.post("/v1/files", files={"file": ("a.txt", b"x" * 3_000_000)}, data={"purpose": "fine-tune"})
    assert answer.status_code == 401
    assert list(context.volume.files.iterdir()) == []


def test_each_scope_opens_its_calls_and_no_others(http: httpx.Client, create: Create, context: Context) -> None:
    job = submit(context, "ftjob-1")
    calls = {
        "read": ("GET", f"/v1/fine_tuning/jobs/{job.id}"),
        "submit": ("POST", f"/v1/fine_tuning/jobs/{job.id}/pause"),
        "chat": ("POST", "/v1/chat/completions"),
        "admin": ("POST", "/v1/x/prune"),
    }
    keys = {scope: create(scope) for scope in calls}
    for holder, secret in keys.items():
        for scope, (method, path) in calls.items():
            answer = ask(http, method, path, secret)
            if holder in (scope, "admin"):
                assert answer.status_code in (200, 400, 415), (holder, scope)
            else:
                assert refusal(answer) == (403, "insufficient_scope")
                assert f"--scope {scope}" in answer.json()["error"]["next_step"]
    for scope, status in {"read": 200, "chat": 200, "submit": 403}.items():
        assert ask(http, "GET", "/v1/models", keys[scope]).status_code == status


def test_the_unmodified_client_raises_its_own_errors(url: str, create: Create, engine: AnsweringEngine) -> None:
    chat, read = create("chat"), create("read")

    def client(key: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    with client("sk-scr-wrong") as nobody, pytest.raises(openai.AuthenticationError) as unknown:
        nobody.files.list()
    assert unknown.value.code == "invalid_api_key"
    with client(read) as reader, pytest.raises(openai.PermissionDeniedError) as denied:
        reader.chat.completions.create(model=BASE, messages=MESSAGES)
    assert denied.value.code == "insufficient_scope"
    with client(chat) as talker:
        assert talker.chat.completions.create(model=BASE, messages=MESSAGES).choices[0].message.content
        assert BASE in {model.id for model in talker.models.list()}
        with pytest.raises(openai.PermissionDeniedError):
            talker.fine_tuning.jobs.list()


def test_a_revoked_key_is_refused_at_once_and_the_api_stays_closed(
    http: httpx.Client, create: Create, context: Context
) -> None:
    secret = create("read")
    assert ask(http, "GET", "/v1/files", secret).status_code == 200
    store = open_key_store(context.settings)
    store.revoke(store.newest()[0].id)
    answer = ask(http, "GET", "/v1/files", secret)
    assert refusal(answer) == (401, "invalid_api_key")
    assert "revoked" in answer.json()["error"]["message"]
    assert refusal(http.get("/v1/files")) == (401, "invalid_api_key")


def test_an_expired_key_is_refused(http: httpx.Client, create: Create) -> None:
    secret = create("read", lifetime=timedelta(seconds=0))
    answer = ask(http, "GET", "/v1/files", secret)
    assert refusal(answer) == (401, "invalid_api_key")
    assert "expired" in answer.json()["error"]["message"]


def test_a_key_sends_as_many_requests_in_a_minute_as_it_may(
    url: str, create: Create, context: Context, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes of the API count together, each key has its own count, and a new minute begins anew."""
    monkeypatch.setattr(request_counts, "time", clock := SimpleNamespace(time=lambda: 6000.0))
    keys = open_key_store(context.settings)
    limited = keys.create("guest", [KeyScope.READ], requests_per_minute=3)[1]
    with serving(create_app(context, reaping=False, count_waiting=sent.waiting)) as other:
        clients = [openai.OpenAI(base_url=f"{address}/v1", api_key=limited, max_retries=0) for address in (url, other)]
        for client in (*clients, clients[0]):
            client.models.list()
        for client in clients:
            with pytest.raises(openai.RateLimitError, match=r"'guest' may send 3 request\(s\) a minute") as caught:
                client.models.list()
            assert caught.value.code == "rate_limit_exceeded"
            assert caught.value.response.headers["retry-after"] == "60"
            assert "x-should-retry" not in caught.value.response.headers
        with httpx.Client(base_url=url) as http:
            assert ask(http, "GET", "/v1/models", create("read")).status_code == 200
        clock.time = lambda: 6060.0
        clients[1].models.list()
    names = list(context.store.client.scan_iter("scriptorium:requests:*"))
    assert len(names) == 2
    assert all(context.store.client.ttl(name) > 0 for name in names)


def test_a_key_that_cannot_be_read_closes_the_api(http: httpx.Client, context: Context) -> None:
    folder = context.settings.data_dir / "keys"
    folder.mkdir()
    (folder / "key_1.json").write_text("{")
    assert refusal(http.get("/v1/files")) == (401, "invalid_api_key")


def test_a_request_with_a_key_may_come_from_any_page_and_for_any_host(http: httpx.Client, create: Create) -> None:
    secret = create("admin")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Host": "scribe.example"}
    assert ask(http, "POST", "/v1/x/prune", secret, headers=headers).status_code == 200


def test_metrics_are_for_this_machine_or_for_a_key(http: httpx.Client, create: Create) -> None:
    chat, read = create("chat"), create("read")
    assert http.get("/metrics").status_code == 200
    forwarded = {"X-Forwarded-For": "203.0.113.9"}
    for path in ("/metrics", "/metrics/engines"):
        assert refusal(http.get(path, headers=forwarded)) == (401, "invalid_api_key")
        assert refusal(ask(http, "GET", path, chat, headers=forwarded)) == (403, "insufficient_scope")
        assert ask(http, "GET", path, read, headers=forwarded).status_code == 200


def test_an_api_that_others_reach_never_answers_without_a_key(context: Context, sent: Sent) -> None:
    settings = context.settings.model_copy(update={"api_published": "192.0.2.1"})
    exposed = dataclasses.replace(context, settings=settings)
    with (
        serving(create_app(exposed, reaping=False, count_waiting=sent.waiting)) as address,
        httpx.Client(base_url=address) as http,
    ):
        assert refusal(http.get("/v1/files")) == (401, "invalid_api_key")
        page = http.get("/jobs/ftjob-1/samples", headers={"Accept": "text/html"})
        assert page.headers["location"].startswith("/login")
        assert http.get("/login").status_code == 401


def test_an_api_that_others_could_reach_does_not_start_without_a_key(context: Context) -> None:
    settings = context.settings.model_copy(update={"api_host": "0.0.0.0", "api_port": 0})  # noqa: S104
    line = [sys.executable, "-m", "services.api.worker"]
    ended = subprocess.run(
        line, env=service_environment(settings), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert "scriptorium keys create" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_command_line_sends_its_key(url: str, create: Create) -> None:
    secret = create("read", "admin")
    with closing(Client(url)) as stranger, pytest.raises(ApiError) as refused:
        stranger.jobs(5)
    assert (refused.value.code, refused.value.status) == ("invalid_api_key", 401)
    with closing(Client(url, key=secret)) as client:
        assert client.is_up()
        assert client.jobs(5) == []


def test_a_command_without_a_key_says_how_to_get_one(
    url: str, create: Create, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    secret, clients = create("read"), []
    connect = app.open_client
    monkeypatch.setattr(
        "scriptorium.cli.app.open_client", lambda settings: clients.append(connect(settings)) or clients[-1]
    )
    monkeypatch.setenv("SCRIPTORIUM_API_URL", url)
    assert main.run(["jobs"]) == 5
    output = capfd.readouterr().err
    assert "error (invalid_api_key)" in output
    assert "SCRIPTORIUM_API_KEY" in output
    monkeypatch.setenv("SCRIPTORIUM_API_KEY", secret)
    get_settings.cache_clear()
    assert main.run(["jobs", "--json"]) == 0
    assert capfd.readouterr().out == "[]\n"
    for client in clients:
        client.close()


def test_a_key_that_the_command_line_makes_is_good_at_once(
    http: httpx.Client, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(context.settings.data_dir))
    created = json.loads(CliRunner().invoke(main.app, ["keys", "create", "laptop", "--json"]).stdout)
    assert ask(http, "GET", "/v1/files", created["secret"]).status_code == 200
    assert CliRunner().invoke(main.app, ["keys", "revoke", created["id"]]).exit_code == 0
    assert ask(http, "GET", "/v1/files", created["secret"]).status_code == 401
