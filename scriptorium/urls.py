"""Addresses that are asked over HTTP, checked before anything is sent there."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_address(url: str) -> str:
    """The address as it is; raises ValueError where no HTTP client could ask it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and url.isprintable() and " " not in url
    except ValueError:  # a port that is no number, half an IPv6 address
        usable = False
    if not usable:
        raise ValueError("must be an address such as http://127.0.0.1:8000")
    return url
