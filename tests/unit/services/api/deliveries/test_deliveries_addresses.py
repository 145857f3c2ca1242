"""Where a webhook may go: the internet, private networks if that is set, and never where a cloud has its secrets."""

import asyncio
from ipaddress import ip_address

import pytest

from scriptorium.errors import InvalidRequest
from services.api.deliveries.addresses import find_addresses, find_refusal

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e")
PRIVATE = ("127.0.0.1", "::1", "10.0.0.8", "192.168.1.5", "172.16.0.1", "fd12::1", "100.64.0.1", "::ffff:10.0.0.8",
           "64:ff9b::a00:8")  # fmt: skip
NEVER = ("169.254.169.254", "169.254.1.1", "fe80::1", "fd00:ec2::254", "100.100.100.200", "0.0.0.0", "::", "224.0.0.1",  # noqa: S104
         "255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1")  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_allowed(address: str) -> None:
    assert find_refusal(ip_address(address), allow_private=False) is None


@pytest.mark.parametrize("address", PRIVATE)
def test_private_networks_need_the_setting(address: str) -> None:
    assert "SCRIPTORIUM_WEBHOOK_PRIVATE" in str(find_refusal(ip_address(address), allow_private=False))
    assert find_refusal(ip_address(address), allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_link_local_and_metadata_addresses_are_refused_always(address: str) -> None:
    assert find_refusal(ip_address(address), allow_private=False)
    assert find_refusal(ip_address(address), allow_private=True)


def test_a_refusal_says_what_is_refused_and_why() -> None:
    with pytest.raises(InvalidRequest, match=r"169\.254\.169\.254 is where a cloud keeps"):
        asyncio.run(find_addresses("http://169.254.169.254/latest", allow_private=True))


def test_numbers_that_stand_for_an_address_are_refused_like_it() -> None:
    with pytest.raises((InvalidRequest, OSError)):
        asyncio.run(find_addresses("http://2130706433:80/", allow_private=False))  # 127.0.0.1 to the resolver
