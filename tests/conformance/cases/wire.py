"""What the cases share: clients, a worker that they command, a network with faults, and raw requests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import openai

BASE = "tiny-base"
TUNED = f"ft:{BASE}:scriptorium:poe:0123"
ANSWER = "Call me Ishmael."
TEXT = b"Once upon a midnight dreary, while I pondered, weak and weary."
PATIENCE = 10.0  # seconds that something may take to happen
FINAL = ("succeeded", "failed", "cancelled")

numbers = itertools.count(int(time.time()) % 100_000 * 1000)


class NotInClient(Exception):
    """This version of the client does not have the call of a case."""


def unique(prefix: str) -> str:
    """Return a name that no other case uses."""
    return f"{prefix}-{next(numbers)}"


@dataclass(frozen=True)
class RawAnswer:
    """The answer to a request that the client would not send."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def error(self) -> dict[str, Any]:
        """Return the error of the answer."""
        error: dict[str, Any] = json.loads(self.content)["error"]
        return error


@dataclass
class FaultyClient:
    """A client behind a network with faults, and what came through the network."""

    api: openai.OpenAI
    requests_url: str

    def requests(self) -> list[dict[str, str]]:
        """Return the requests that the client sent, repetitions included."""
        with urllib.request.urlopen(self.requests_url, timeout=PATIENCE) as answer:
            requests: list[dict[str, str]] = json.load(answer)
        return requests


@dataclass
class Wire:
    """The addresses of the API and of what stands around it."""

    url: str
    faults_url: str
    worker_url: str
    clients: list[openai.OpenAI] = field(default_factory=list)

    def client(self, **options: Any) -> openai.OpenAI:
        """Return the client as its users have it; it does not retry unless a case says so."""
        options = {"base_url": f"{self.url}/v1", "api_key": "none", "max_retries": 0, "timeout": 30} | options
        self.clients.append(openai.OpenAI(**options))
        return self.clients[-1]

    def faulty(self, *faults: str, **options: Any) -> FaultyClient:
        """Return a client with its usual retries whose n-th request meets the n-th fault."""
        name = unique("faults")
        url = f"{self.faults_url}/{','.join(faults)}/{name}/v1"
        options = {"base_url": url, "max_retries": 2, "timeout": 5} | options
        return FaultyClient(self.client(**options), f"{self.faults_url}/requests/{name}")

    def worker(self, path: str, **payload: Any) -> Any:
        """Command the worker."""
        request = urllib.request.Request(
            f"{self.worker_url}/{path}", json.dumps(payload).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
            return json.load(answer)

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> RawAnswer:
        """Send a request as it is."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return RawAnswer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, content)

    def book(self, text: bytes = TEXT, purpose: Any = "fine-tune") -> str:
        """Upload a manuscript; return its id."""
        return self.client().files.create(file=("book.txt", text), purpose=purpose).id

    def job(self, **options: Any) -> Any:
        """Create a job that no other case has."""
        options = {"model": BASE, "training_file": options.get("training_file") or self.book()} | options
        return self.client().fine_tuning.jobs.create(**{"suffix": unique("voice")} | options)

    def tagged(self, count: int) -> tuple[dict[str, str], list[str]]:
        """Create jobs of one tag; return the tag and their ids, oldest first."""
        tag, book = {"tag": unique("tag")}, self.book()
        return tag, [self.job(training_file=book, metadata=tag).id for _ in range(count)]

    def close(self) -> None:
        """Close what a case opened."""
        while self.clients:
            self.clients.pop().close()


def refused(
    kind: type[openai.APIStatusError], call: Callable[[], Any], code: str | None = None, param: str | None = None
) -> openai.APIStatusError:
    """Check that a call is refused with an exception of exactly this class, and with this code and param."""
    try:
        result = call()
    except openai.APIStatusError as error:
        assert type(error) is kind, f"{type(error).__name__} instead of {kind.__name__}: {error}"
        assert code is None or error.code == code, f"code {error.code} instead of {code}"
        assert param is None or error.param == param, f"param {error.param} instead of {param}"
        return error
    raise AssertionError(f"it was not refused: {result!r}")


def eventually(check: Callable[[], bool]) -> bool:
    """Return whether something becomes true soon."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def sign_webhook(body: str) -> tuple[str, dict[str, str]]:
    """Sign a notice by the rule of Standard Webhooks; return the secret and the headers."""
    key, notice_id, timestamp = b"a secret of some length, in bytes", "evt_1", str(int(time.time()))
    digest = hmac.new(key, f"{notice_id}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    headers = {"webhook-id": notice_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    return f"whsec_{base64.b64encode(key).decode()}", headers
