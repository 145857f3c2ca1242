"""The ports on the host: free, or in use by the program that belongs there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from scriptorium.doctor.check import CheckFinding, Subject, ok, skipped, warn
from scriptorium.doctor.dotenv import read_value

OUR_API = "Scriptorium's API answers there"


class MonitoringPage(NamedTuple):
    """A program of the monitoring profile: its name, its port, and a page and a word on it to recognize it by."""

    name: str
    port: int
    path: str
    word: str


PAGES = (
    MonitoringPage("Grafana", 3000, "/api/health", '"database"'),
    MonitoringPage("Prometheus", 9090, "/-/ready", "Prometheus"),
)


def check_ports(subject: Subject) -> Iterator[CheckFinding]:
    """Check the ports of the API and of monitoring (8421, 3000 and 9090 by default)."""
    if subject.container:
        yield skipped("ports", "checked on the host")
        return
    host = read_value(subject.probe, "BIND_ADDRESS") or "127.0.0.1"
    host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104  all addresses include this one
    yield check_api(subject, host)
    for page in PAGES:
        yield check_page(subject, host, page)


def check_api(subject: Subject, host: str) -> CheckFinding:
    """Check the API's port; 0 means any free one."""
    port = configured_port(subject, "API_PORT", subject.settings.api_port)
    label = f"port {port} (API)"
    if port == 0 or not subject.probe.listening(host, port):
        return ok(label, "free")
    if "store" in read_health(subject.probe.fetch(f"http://{host}:{port}/healthz")):
        return ok(label, OUR_API)
    return report_taken(
        label, port, "or choose another: API_PORT=8422 in .env; without containers SCRIPTORIUM_API_PORT=8422"
    )


def check_page(subject: Subject, host: str, page: MonitoringPage) -> CheckFinding:
    """Check a port of the monitoring profile."""
    variable = f"{page.name.upper()}_PORT"
    port = configured_port(subject, variable, page.port)
    label = f"port {port} ({page.name})"
    if not subject.probe.listening(host, port):
        return ok(label, "free")
    if page.word in (subject.probe.fetch(f"http://{host}:{port}{page.path}") or ""):
        return ok(label, f"{page.name} answers there")
    return report_taken(label, port, f"or choose another: {variable}={port + 1} in .env")


def configured_port(subject: Subject, variable: str, default: int) -> int:
    """Return the port that .env sets for the containers, or else the default."""
    port = read_value(subject.probe, variable)
    return int(port) if port.isdecimal() else default


def read_health(text: str | None) -> dict[str, object]:
    """Parse an answer of the API; an empty dictionary if it is not a JSON object."""
    try:
        body = json.loads(text or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def report_taken(label: str, port: int, instead: str) -> CheckFinding:
    """Warn that another program listens on the port."""
    fix = f"sudo ss -ltnp 'sport = :{port}'   # shows who; stop it, {instead}"
    return warn(label, "another program listens there", fix)
