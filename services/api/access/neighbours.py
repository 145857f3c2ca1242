"""Who may read the metrics without a key: this machine, and a container's neighbours on its own networks.

Prometheus is such a neighbour. The networks' gateway is not: what comes through a published port may have its address.
Neither is what a proxy passes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Interface, ip_address
from pathlib import Path
from socket import AF_INET

import psutil
from starlette.requests import Request

METRICS_PATHS = ("/metrics", "/metrics/engines")
FORWARDED_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
ROUTES_FILE = Path("/proc/net/route")


def is_neighbour(request: Request, *, in_container: bool) -> bool:
    """Return whether a request comes straight from this machine or, in a container, from a neighbour of it."""
    if request.client is None or any(name in request.headers for name in FORWARDED_HEADERS):
        return False
    return is_near(request.client.host, own_networks() if in_container else [], read_gateways())


def is_near(address: str, networks: Sequence[IPv4Interface], gateways: Sequence[str]) -> bool:
    """Return whether an address is this machine's own, or in one of the networks and no gateway.

    Docker gives a network's first address to its gateway, which need not be on a route.
    """
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    if peer.is_loopback:
        return True
    if str(peer) in gateways or any(peer == first_host(interface) for interface in networks):
        return False
    return any(peer in interface.network for interface in networks)


def first_host(interface: IPv4Interface) -> IPv4Address | None:
    """Return the first address of a network that is not the interface's only one."""
    hosts = iter(interface.network.hosts())
    return next(hosts, None) if interface.network.num_addresses > 1 else None


def own_networks() -> list[IPv4Interface]:
    """Return the networks that this machine, or container, is in."""
    addresses = [entry for entries in psutil.net_if_addrs().values() for entry in entries if entry.family == AF_INET]
    return [IPv4Interface(f"{entry.address}/{entry.netmask}") for entry in addresses if entry.netmask]


def read_gateways(routes: Path = ROUTES_FILE) -> list[str]:
    """Return the gateways of this machine's routes (Linux): hexadecimal, the last byte first."""
    try:
        lines = routes.read_text("ascii").splitlines()[1:]
    except OSError:
        return []
    return [".".join(map(str, reversed(bytes.fromhex(line.split()[2])))) for line in lines]
