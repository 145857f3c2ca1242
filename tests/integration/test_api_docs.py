"""/docs in a browser: all of its files come from this server, and nothing else may be loaded."""

from __future__ import annotations

import re

import httpx
import pytest


def test_the_page_loads_only_what_this_server_has(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert set(addresses) == {"docs/swagger-ui.css", "docs/swagger-ui-bundle.js", "docs/docs.js", "openapi.json"}
    types = {address: http.get(f"/{address}").headers["content-type"].partition(";")[0] for address in addresses}
    assert types == {
        "docs/swagger-ui.css": "text/css",
        "docs/swagger-ui-bundle.js": "text/javascript",
        "docs/docs.js": "text/javascript",
        "openapi.json": "application/json",
    }
    assert "SwaggerUIBundle" in http.get("/docs/swagger-ui-bundle.js").text


def test_the_page_may_run_no_script_of_its_own_and_load_nothing_from_elsewhere(http: httpx.Client) -> None:
    page = http.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    assert re.findall(r"<script>|<style>|\son\w+=|https?://", page.text) == []


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2Fdocs_page.py", "core.py"])
def test_nothing_else_of_the_package_is_there(http: httpx.Client, name: str) -> None:
    answer = http.get(f"/docs/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
