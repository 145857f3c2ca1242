"""Addresses: of HTTP servers, checked before anything is sent to them, and of a job's pages."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def check_address(url: str) -> str:
    """Return the address unchanged; raises ValueError if no HTTP client could use it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and url.isprintable() and " " not in url
    except ValueError:  # a port that is not a number, half an IPv6 address
        usable = False
    if not usable:
        raise ValueError("must be an address such as http://127.0.0.1:8000")
    return url


def job_page(job_id: str, name: str = "") -> str:
    """Return the address of a job's page, such as "report", below the API's; without a name that of the job itself."""
    return f"/jobs/{job_id}/{name}" if name else f"/jobs/{job_id}"


def is_loopback(url: str) -> bool:
    """Return whether an address is this machine's own, which no proxy of the environment can reach."""
    return is_loopback_host(urlsplit(url).hostname or "")


def is_loopback_host(host: str) -> bool:
    """Return whether a name or an IP address, without a port, is this machine's own and nobody else's."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
