"""The ports on the host: free, or taken by what belongs there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from scriptorium.doctor.check import Finding, Subject, ok, skipped, warn
from scriptorium.doctor.dotenv import value

OURS = "Scriptorium's API answers there"


class Page(NamedTuple):
    """A program of the monitoring profile: its name, its port, a page of its own, and a word on that."""

    name: str
    port: int
    path: str
    word: str


PAGES = (Page("Grafana", 3000, "/api/health", '"database"'), Page("Prometheus", 9090, "/-/ready", "Prometheus"))


def check_ports(subject: Subject) -> Iterator[Finding]:
    """8421 for the API, 3000 and 9090 for monitoring."""
    if subject.container:
        yield skipped("ports", "are the host's to give")
        return
    host = value(subject.probe, "BIND_ADDRESS") or "127.0.0.1"
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  everywhere includes here
    yield check_api(subject, host)
    for page in PAGES:
        yield check_page(subject, host, page)


def check_api(subject: Subject, host: str) -> Finding:
    """The API's port; 0 takes a free one."""
    port = given_port(subject, "API_PORT", subject.settings.api_port)
    label = f"port {port} (API)"
    if port == 0 or not subject.probe.listening(host, port):
        return ok(label, "free")
    if "store" in read_health(subject.probe.fetch(f"http://{host}:{port}/healthz")):
        return ok(label, OURS)
    return taken(label, port, "or choose another: API_PORT=8422 in .env; without containers SCRIPTORIUM_API_PORT=8422")


def check_page(subject: Subject, host: str, page: Page) -> Finding:
    """A port of the monitoring profile."""
    variable = f"{page.name.upper()}_PORT"
    port = given_port(subject, variable, page.port)
    label = f"port {port} ({page.name})"
    if not subject.probe.listening(host, port):
        return ok(label, "free")
    if page.word in (subject.probe.fetch(f"http://{host}:{port}{page.path}") or ""):
        return ok(label, f"{page.name} answers there")
    return taken(label, port, f"or choose another: {variable}={port + 1} in .env")


def given_port(subject: Subject, variable: str, otherwise: int) -> int:
    """The port that .env gives to the containers, or else the default."""
    given = value(subject.probe, variable)
    return int(given) if given.isdecimal() else otherwise


def read_health(text: str | None) -> dict[str, object]:
    """The API's own answer; nothing where it is somebody else's."""
    try:
        body = json.loads(text or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def taken(label: str, port: int, instead: str) -> Finding:
    """Somebody else is there."""
    fix = f"sudo ss -ltnp 'sport = :{port}'   # shows who; stop it, {instead}"
    return warn(label, "another program listens there", fix)
