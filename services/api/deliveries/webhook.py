"""A webhook: OpenAI's event of a job's end, signed as its clients verify it, in one POST without redirects."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from ipaddress import IPv6Address
from urllib.parse import urlsplit

import httpx

from scriptorium import __version__
from scriptorium.contracts.delivery import Announcement, Channel
from scriptorium.errors import InvalidRequest
from scriptorium.webhook_signature import sign
from services.api.deliveries.addresses import Address, find_addresses
from services.api.deliveries.receivers import SendOutcome, make_key

TIMEOUT = 10.0  # seconds for the whole attempt
HEADERS = {"Content-Type": "application/json", "User-Agent": f"scriptorium/{__version__}"}
GONE = 410


class Webhook:
    """Sends events to one URL; its name is the URL without user, path and query, which may hold secrets."""

    channel = Channel.WEBHOOK

    def __init__(self, url: str, secret: str, *, allow_private: bool) -> None:
        parts = urlsplit(url)
        self.key = make_key(url)
        self.name = f"{parts.scheme}://{strip_user(parts.netloc)}"
        self._url = httpx.URL(url)
        self._secret = secret
        self._allow_private = allow_private
        self._tls = httpx.create_ssl_context()  # made once: it takes tens of milliseconds of the event loop

    async def send(self, announcement: Announcement) -> SendOutcome:
        """Sign and send an event; only a status of 2xx is a success."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return judge(await self._post(announcement))
        except TimeoutError:
            return SendOutcome(problem=f"There was no answer within {TIMEOUT:.0f} seconds.")
        except InvalidRequest as refusal:
            return SendOutcome(problem=str(refusal))
        except (OSError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            return SendOutcome(problem=f"The receiver cannot be reached: {str(error) or type(error).__name__}.")

    async def _post(self, announcement: Announcement) -> int:
        """Send the event to the first address that takes the connection; return the answer's status."""
        body = render_event(announcement)
        headers = {**HEADERS, **sign(self._secret, announcement.id, int(time.time()), body)}
        addresses = await find_addresses(str(self._url), allow_private=self._allow_private)
        async with httpx.AsyncClient(trust_env=False, verify=self._tls, timeout=TIMEOUT) as client:
            for address in addresses[:-1]:
                with suppress(httpx.ConnectError):
                    return await self._post_to(client, address, headers, body)
            return await self._post_to(client, addresses[-1], headers, body)

    async def _post_to(self, client: httpx.AsyncClient, address: Address, headers: dict[str, str], body: bytes) -> int:
        url = self._url.copy_with(host=f"[{address}]" if isinstance(address, IPv6Address) else str(address))
        host = strip_user(self._url.netloc.decode())
        named = {"sni_hostname": self._url.host}  # the certificate has to be that of the name
        async with client.stream(
            "POST", url, content=body, headers={"Host": host, **headers}, extensions=named
        ) as answer:
            return answer.status_code  # nobody reads the body, which may have no end


def render_event(announcement: Announcement) -> bytes:
    """Render an announcement as OpenAI's webhooks do."""
    event = {
        "id": announcement.id,
        "object": "event",
        "type": announcement.type,
        "created_at": announcement.created_at,
        "data": {"id": announcement.job_id},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def judge(status: int) -> SendOutcome:
    """Return what a receiver's status means."""
    if 200 <= status < 300:
        return SendOutcome(status)
    if 300 <= status < 400:
        return SendOutcome(status, f"The receiver answered {status}; redirects are not followed.")
    if status == GONE:
        return SendOutcome(status, "The receiver answered 410: it wants no more of this.", final=True)
    return SendOutcome(status, f"The receiver answered {status}.")


def strip_user(netloc: str) -> str:
    """Return a network location without user and password."""
    return netloc.rpartition("@")[2]
