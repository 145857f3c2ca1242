"""What a page of another site can make a browser send, and how it is refused.

A site may let its own name lead to this machine (DNS rebinding); its name then stands in `Host`. And it may send a
form, or a request with our cookie, whose answer it cannot read. Browsers say where such a request comes from, in
`Sec-Fetch-Site` or `Origin`, and no page can change that; programs send neither. These are the rules of Go's
`net/http.CrossOriginProtection`.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request

from scriptorium.errors import CrossSiteRequest, ForeignHost
from scriptorium.urls import is_loopback_host

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
OWN_SITES = ("same-origin", "none")  # none: typed by the user


def check_host(request: Request, names: Collection[str]) -> None:
    """Raise ForeignHost unless the request names this machine, or one of `names`."""
    host = host_name(request.headers.get("host", ""))
    if not is_loopback_host(host) and host not in names:
        raise ForeignHost(f"There are no keys, so the API answers to names of this machine alone, not to {host!r}.")


def check_origin(request: Request) -> None:
    """Raise CrossSiteRequest if a page of another site made a browser send a request that may change something."""
    if request.method in SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        is_own = site in OWN_SITES
    else:
        is_own = origin is None or same_host(origin, request.headers.get("host", ""))
    if not is_own:
        raise CrossSiteRequest(f"A page of another site ({origin or site}) may not send {request.method} here.")


def same_host(origin: str, host: str) -> bool:
    """Return whether an origin has the host and port of a Host header."""
    try:
        return urlsplit(origin).netloc.lower() == host.lower() != ""
    except ValueError:
        return False


def host_name(header: str) -> str:
    """Return the name in a Host header, without port, brackets and final dot; "" if it has none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""
