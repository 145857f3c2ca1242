"""Who reads the metrics without a key: this machine and a container's neighbours, not what comes through a port."""

from __future__ import annotations

from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from services.api.access.neighbours import is_near, own_networks, read_gateways

NETWORKS = [IPv4Interface("172.18.0.5/16"), IPv4Interface("172.20.0.2/16")]
GATEWAYS = ["172.18.0.1", "0.0.0.0"]  # noqa: S104  a route without one
ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("172.18.0.9", True),
        ("172.18.0.1", False),
        ("172.20.0.9", True),
        ("172.20.0.1", False),
        ("172.19.0.9", False),
        ("192.168.1.20", False),
        ("203.0.113.9", False),
        ("testclient", False),
        ("", False),
    ],
)
def test_a_neighbour_is_in_a_network_and_no_gateway(address: str, near: bool) -> None:
    assert is_near(address, NETWORKS, GATEWAYS) is near


def test_outside_a_container_only_this_machine_is_near() -> None:
    assert is_near("127.0.0.1", [], [])
    assert not is_near("172.18.0.9", [], [])


def test_gateways_are_read_from_the_routes_of_the_kernel(tmp_path: Path) -> None:
    (tmp_path / "route").write_text(ROUTES)
    assert read_gateways(tmp_path / "route") == GATEWAYS
    assert read_gateways(tmp_path / "nowhere") == []


def test_this_machine_is_in_its_own_networks() -> None:
    assert any(interface.ip.is_loopback for interface in own_networks())


def test_a_tunnel_of_one_address_has_no_neighbours() -> None:
    tunnel = [IPv4Interface("10.1.2.3/32")]
    assert not is_near("10.9.9.9", tunnel, [])
    assert is_near("10.1.2.3", tunnel, [])
