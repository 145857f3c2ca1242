"""The addresses that a webhook may be sent to, so that a setting cannot make this server ask inside its own network.

The name is looked up once, the answer is checked, and the connection goes to what was checked: a name that changes
its answer in between gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from scriptorium.errors import InvalidRequest

Address = IPv4Address | IPv6Address

METADATA = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200")))
NAT64 = ip_network("64:ff9b::/96")
IPV4_BITS = 0xFFFFFFFF


async def find_addresses(url: str, *, allow_private: bool) -> list[Address]:
    """Look up the host of a URL and return its addresses that may be used. Raises InvalidRequest and OSError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ip_address(answer[4][0]) for answer in answers))
    refusals = {address: find_refusal(address, allow_private=allow_private) for address in addresses}
    allowed = [address for address, refusal in refusals.items() if refusal is None]
    if not allowed:
        reasons = "; ".join(f"{address} is {refusal}" for address, refusal in refusals.items())
        raise InvalidRequest(f"The receiver is refused: {reasons}.")
    return allowed


def find_refusal(address: Address, *, allow_private: bool) -> str | None:
    """Return why an address must not be used; None if it may be."""
    plain = unwrap(address)
    if plain in METADATA:
        return "where a cloud keeps its machines' credentials"
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified or (plain.is_reserved and plain.version == 4):
        return "no address of one receiver (link-local, multicast or reserved)"
    if not plain.is_global and not allow_private:
        return "of this machine or a private network, which needs SCRIPTORIUM_WEBHOOK_PRIVATE=true"
    return None


def unwrap(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it stands for one."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour or address
