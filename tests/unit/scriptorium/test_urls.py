"""An address that passes works in an HTTP client; the error for any other shows what an address looks like."""

import httpx
import pytest

from scriptorium.urls import check_address, is_loopback

UNUSABLE_URLS = [
    *("", "engine:8000", "ftp://engine", "http://", "http://[", "http://[::1", "http://engine:port", "http://a b/"),
    *("http://engine:0", "http://engine:70000", "http://engine/\n"),
]


@pytest.mark.parametrize("url", UNUSABLE_URLS)
def test_an_unusable_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be an address such as http"):
        check_address(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "https://engine.example/v1/", "http://[::1]:80"])
def test_an_address_stays_as_it_is(url: str) -> None:
    assert check_address(url) == url
    assert httpx.URL(url).host


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8421", "http://127.8.8.8", "http://[::1]:80/v1", "http://localhost:80"]
)
def test_this_machine_is_recognised(url: str) -> None:
    assert is_loopback(url)


@pytest.mark.parametrize("url", ["http://10.0.0.1:8421", "https://localhost.example.org", "http://api:8421", "http://"])
def test_other_machines_are_recognised(url: str) -> None:
    assert not is_loopback(url)
