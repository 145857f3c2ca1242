"""A proxy in the environment is for the internet: no client of ours sends what is meant for our own services to it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.layout import PRODUCT, modules

HTTPX = {"Client", "AsyncClient", "get", "head", "post", "put", "delete", "request", "stream"}
CLIENTS = {f"httpx.{name}" for name in HTTPX} | {"aiohttp.ClientSession"}
OTHER_CLIENTS = {"requests", "aiohttp", "urllib.request", "http.client"}  # httpx is enough, and can be told
GATEWAY = "services/api/inference/chat.py: aiohttp"  # whose streams httpx would slow down


def parse(project: Path) -> Iterator[tuple[Path, ast.AST]]:
    for path in modules(*PRODUCT, "bench"):
        for node in ast.walk(ast.parse((project / path).read_text(encoding="utf-8"))):
            yield path, node


def test_every_http_client_ignores_the_proxies_of_the_environment(project: Path) -> None:
    calls, trusting = 0, []
    for path, node in parse(project):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLIENTS:
            calls += 1
            if not any(
                keyword.arg == "trust_env" and ast.unparse(keyword.value) != "True" for keyword in node.keywords
            ):
                trusting.append(f"{path}:{node.lineno}")
    assert calls > 5
    assert trusting == []


def test_there_is_no_other_http_client(project: Path) -> None:
    used = {
        f"{path}: {name}"
        for path, node in parse(project)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name in OTHER_CLIENTS
    }
    assert used == {GATEWAY}


def test_the_health_checks_of_the_containers_use_no_proxy(project: Path) -> None:
    for path in [*project.glob("services/*/Dockerfile"), *project.glob("deploy/*/Dockerfile")]:
        check = re.search(r"HEALTHCHECK(.*\\\n)*.*", path.read_text())
        assert check is None or "urllib" not in check[0] or "ProxyHandler({})" in check[0], path
    for name, service in yaml.safe_load((project / "compose.yaml").read_text())["services"].items():
        if "wget" in service.get("healthcheck", {}).get("test", []):
            assert service["environment"]["http_proxy"] == service["environment"]["HTTP_PROXY"] == "", name
