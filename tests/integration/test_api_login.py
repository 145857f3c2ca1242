"""The login of a browser: a page without one leads to the form, a cookie stands for the key, and ends with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import closing
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from standins import Sent, serving
from work import submit

from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import AccessKey, KeyScope
from scriptorium.cli.client import Client
from scriptorium.cli.transfer import ApiError
from scriptorium.jobs.runner import Context
from scriptorium.store import open_store
from services.api.access.login import COOKIE, LIFETIME
from services.api.application import create_app

PAGE = "/jobs/ftjob-1/samples"
HEADERS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html,*/*"}


@pytest.fixture
def key(context: Context) -> tuple[AccessKey, str]:
    """Create a key to read and a job with a page; return the key and its secret."""
    submit(context, "ftjob-1")
    return open_key_store(context.settings).create("Ann's tablet", [KeyScope.READ])


@pytest.fixture
def browser(url: str) -> Iterator[httpx.Client]:
    """Yield a client that keeps cookies, and says where its requests come from."""
    with httpx.Client(base_url=url, timeout=20, headers=HEADERS) as client:
        yield client


def log_in(browser: httpx.Client, secret: str, page: str = PAGE, **headers: str) -> httpx.Response:
    """Send the form."""
    return browser.post("/login", data={"key": secret, "next": page}, headers=headers)


def test_a_page_leads_to_the_login_and_back(browser: httpx.Client, key: tuple[AccessKey, str]) -> None:
    answer = browser.get(f"{PAGE}?number=2&other=true")
    target = urlsplit(answer.headers["location"])
    assert (answer.status_code, target.path) == (303, "/login")
    wanted = parse_qs(target.query)["next"][0]
    assert wanted == f"{PAGE}?number=2&other=true"
    form = browser.get(answer.headers["location"])
    assert form.status_code == 200
    assert f'name="next" value="{PAGE}?number=2&amp;other=true"' in form.text
    assert "form-action 'self'" in form.headers["content-security-policy"]
    after = log_in(browser, f" {key[1]}\n", wanted)
    assert (after.status_code, after.headers["location"]) == (303, wanted)
    assert browser.get(PAGE).status_code == 200


def test_a_form_that_comes_too_late_leads_back_to_its_page(url: str, key: tuple[AccessKey, str]) -> None:
    with httpx.Client(base_url=url, headers=HEADERS) as browser:
        for referer, page in (
            (f"{url}/jobs/ftjob-1/read", "%2Fjobs%2Fftjob-1%2Fread"),
            ("http://e/x", "%2F"),
            ("", "%2F"),
        ):
            answer = browser.post("/jobs/ftjob-1/read/reader", headers={"Referer": referer})
            assert answer.headers["location"] == f"/login?next={page}"


def test_the_cookie_is_a_token_that_only_our_own_pages_send(
    browser: httpx.Client, key: tuple[AccessKey, str], context: Context
) -> None:
    answer = log_in(browser, key[1])
    cookie = SimpleCookie(answer.headers["set-cookie"])[COOKIE]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"  # a link in a mail leads to its page
    assert not cookie["secure"]
    assert key[1] not in answer.headers["set-cookie"]
    stored = list(context.store.client.scan_iter("scriptorium:login:*"))
    assert len(stored) == 1
    assert cookie.value not in stored[0]
    assert 0 < context.store.client.ttl(stored[0]) <= LIFETIME.total_seconds()
    behind_tls = log_in(browser, key[1], **{"X-Forwarded-Proto": "https"})
    assert SimpleCookie(behind_tls.headers["set-cookie"])[COOKIE]["secure"]


@pytest.mark.parametrize(
    "page",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "/\t/evil.example",
        "evil",
        "",
        "/a\nb",
        "/ /e",
        "/a\\b",
    ],
)
def test_a_login_leads_nowhere_else(browser: httpx.Client, key: tuple[AccessKey, str], page: str) -> None:
    assert log_in(browser, key[1], page).headers["location"] == "/"
    browser.cookies.clear()
    form = browser.get("/login", params={"next": page})
    assert 'name="next" value="/"' in form.text


@pytest.mark.parametrize("secret", ["", "wrong", "sk-scr-" + "x" * 43, "<script>"])
def test_a_wrong_key_is_told_on_the_page(browser: httpx.Client, key: tuple[AccessKey, str], secret: str) -> None:
    answer = log_in(browser, secret)
    assert answer.status_code == 401
    assert "There is no such key." in answer.text
    assert "set-cookie" not in answer.headers
    assert "<script>" not in answer.text


def test_a_login_may_do_what_its_key_may(browser: httpx.Client, key: tuple[AccessKey, str]) -> None:
    log_in(browser, key[1])
    assert browser.get("/v1/fine_tuning/jobs").status_code == 200
    refused = browser.post("/v1/fine_tuning/jobs/ftjob-1/cancel")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://evil.example"}]
)
def test_a_page_of_another_site_cannot_use_a_login(
    url: str, key: tuple[AccessKey, str], headers: dict[str, str]
) -> None:
    with httpx.Client(base_url=url) as plain:
        log_in(plain, key[1])
        for path in ("/jobs/ftjob-1/read/reader", "/v1/x/jobs/ftjob-1/reading", "/logout", "/login"):
            answer = plain.post(path, headers=headers)
            assert answer.status_code == 403, path
            assert "cross_site_request" in answer.text or "another site" in answer.text
        assert plain.get(PAGE).status_code == 200


def test_a_logout_ends_the_login_for_whoever_has_its_cookie(browser: httpx.Client, key: tuple[AccessKey, str]) -> None:
    log_in(browser, key[1])
    token = browser.cookies[COOKIE]
    assert "Ann&#39;s tablet" in browser.get("/login").text
    answer = browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert COOKIE not in browser.cookies
    browser.cookies.set(COOKIE, token)
    assert browser.get(PAGE).headers["location"].startswith("/login")


def test_a_login_ends_with_its_key(browser: httpx.Client, key: tuple[AccessKey, str], context: Context) -> None:
    log_in(browser, key[1])
    open_key_store(context.settings).revoke(key[0].id)
    assert browser.get(PAGE).headers["location"].startswith("/login")
    answer = browser.get("/v1/files")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_login_waits_for_the_store(key: tuple[AccessKey, str], context: Context, sent: Sent) -> None:
    without_store = dataclasses.replace(context, store=open_store("redis://127.0.0.1:1/0"))
    app = create_app(without_store, reaping=False, count_waiting=sent.waiting)
    with serving(app) as address, httpx.Client(base_url=address, cookies={COOKIE: "any"}) as browser:
        answer = browser.get("/v1/files")
        by_key = browser.get("/v1/files", headers={"Authorization": f"Bearer {key[1]}"})
    assert by_key.status_code == 200
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"]


def test_without_keys_nobody_logs_in(browser: httpx.Client) -> None:
    answer = browser.get("/login", params={"next": PAGE})
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)


def test_forms_of_pages_obey_the_logins_key(browser: httpx.Client, context: Context) -> None:
    """What Ann sends belongs to her key; she reads Ben's job, and cannot delete it."""
    keys = open_key_store(context.settings)
    ann, secret = keys.create("Ann", [KeyScope.READ, KeyScope.SUBMIT])
    submit(context, "ftjob-ben")
    context.pipeline.cancel("ftjob-ben")
    log_in(browser, secret, "/")
    assert browser.get("/jobs/ftjob-ben").status_code == 200
    refused = browser.post("/jobs/ftjob-ben/delete")
    assert refused.status_code == 403
    assert "was not made with the key" in refused.text
    sent = browser.post("/submit", files={"file": ("book.txt", b"Once upon a time. " * 500)})
    started = browser.post(urlsplit(sent.headers["location"]).path)
    assert started.status_code == 303, started.text
    job_id = started.headers["location"].removeprefix("/jobs/")
    assert context.store.jobs.get(job_id).created_by == ann.id
    context.pipeline.cancel(job_id)
    assert browser.post(f"/jobs/{job_id}/delete", data={"manuscript": "true"}).headers["location"] == "/"
    assert browser.get("/chat").status_code == 403


@pytest.mark.parametrize(("scope", "page"), [("read", "/"), ("chat", "/chat"), ("submit", "/submit"), ("admin", "/")])
def test_a_login_begins_with_a_page_that_its_key_may_see(
    browser: httpx.Client, context: Context, scope: str, page: str
) -> None:
    secret = open_key_store(context.settings).create("Ann", [KeyScope(scope)])[1]
    assert log_in(browser, secret, "/").headers["location"] == page
    assert browser.get(page).status_code == 200
    refused = browser.get("/chat" if scope in ("read", "submit") else "/submit")
    assert (refused.status_code == 403) is (scope != "admin")
    assert ('href="/login"' in refused.text) is (scope != "admin")


def test_a_program_that_asks_for_a_page_without_a_key_gets_an_error_and_no_form(
    url: str, key: tuple[AccessKey, str]
) -> None:
    with httpx.Client(base_url=url) as program:
        for headers in ({}, {"Authorization": "Bearer sk-scr-wrong", "Accept": "text/html"}):
            answer = program.get("/jobs/ftjob-1/report", headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
    with closing(Client(url, key="sk-scr-wrong")) as client, pytest.raises(ApiError, match="There is no such key"):
        client.report("ftjob-1")


def test_a_proxys_own_password_does_not_hide_a_login(browser: httpx.Client, key: tuple[AccessKey, str]) -> None:
    log_in(browser, key[1])
    assert browser.get(PAGE, headers={"Authorization": "Basic YTpi"}).status_code == 200
    browser.cookies.clear()
    assert browser.get("/v1/files", headers={"Authorization": "Basic YTpi"}).status_code == 401


def test_a_login_that_has_ended_says_so(browser: httpx.Client, key: tuple[AccessKey, str], context: Context) -> None:
    log_in(browser, key[1])
    context.store.client.flushdb()
    error = browser.get("/v1/files").json()["error"]
    assert (error["message"], error["next_step"]) == ("The login has ended.", "Log in again: /login.")
