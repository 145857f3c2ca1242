"""An address that passes works in an HTTP client; the error for any other shows what an address looks like."""

import httpx
import pytest

from scriptorium.urls import check_address

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
