"""A proxy that injects faults, as a network and a restarting server have them, before or after the API did its work.

The faults are in the address: `http://HOST/<faults>/<name>/v1/...`. The n-th request under a name gets the n-th of the
faults, which are separated by commas; those behind the last one pass. `GET /requests/<name>` lists what came.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

SILENCE = 1.5  # seconds, longer than the timeout of the clients that meet it
HOP_HEADERS = {"connection", "transfer-encoding", "content-length", "host"}


class FaultProxy(ThreadingHTTPServer):
    """The proxy's server: the address of the API, and the requests by the name under which they came."""

    daemon_threads = True

    def __init__(self, api_url: str) -> None:
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.api = urlsplit(api_url).netloc
        self._requests: dict[str, list[dict[str, str]]] = {}
        self._lock = threading.Lock()

    def note(self, name: str, request: dict[str, str]) -> int:
        """Note a request; return its place among those of its name, from 0."""
        with self._lock:
            requests = self._requests.setdefault(name, [])
            requests.append(request)
            return len(requests) - 1

    def requests(self, name: str) -> list[dict[str, str]]:
        """Return the requests that came under a name."""
        with self._lock:
            return list(self._requests.get(name, []))


class ProxyHandler(BaseHTTPRequestHandler):
    """Passes one request on, unless its fault says otherwise.

    A fault is `pass`, or `<when>-<what>`: `before` or `after` the API answered; a status, `silence` or `break`. `half`
    breaks the connection in the middle of the answer.
    """

    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def do_GET(self) -> None:
        """Relay the request, or list what came under a name."""
        if self.path.startswith("/requests/"):
            return self._answer(200, json.dumps(self.server.requests(self.path.split("/")[2])).encode())
        self._relay()

    def do_POST(self) -> None:
        """Relay the request."""
        self._relay()

    do_DELETE = do_POST  # noqa: N815  the name that the handler looks for

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _relay(self) -> None:
        _, faults, name, path = self.path.split("/", 3)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        place = self.server.note(name, {"method": self.command, "path": f"/{path}", **headers})
        fault = dict(enumerate(faults.split(","))).get(place, "pass")
        when, _, what = fault.partition("-")
        if when == "before":
            return self._fail(what)
        answer, content = self._ask(f"/{path}", body)
        if when == "after":
            return self._fail(what)
        kept_headers = [(key, value) for key, value in answer.getheaders() if key.lower() not in HOP_HEADERS]
        self._answer(answer.status, content, kept_headers, half=fault == "half")

    def _ask(self, path: str, body: bytes) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self.server.api, timeout=30)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_HEADERS}
        connection.request(self.command, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _fail(self, what: str) -> None:
        if what == "silence":
            time.sleep(SILENCE)
        if what.isdecimal():  # a server in front of ours does not know our errors, and lets the client come back soon
            return self._answer(int(what), b"upstream", [("retry-after-ms", "20")])
        self.close_connection = True

    def _answer(
        self, status: int, content: bytes, headers: list[tuple[str, str]] | None = None, *, half: bool = False
    ) -> None:
        self.send_response(status)
        for key, value in headers or []:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if half else content)
        self.close_connection = self.close_connection or half


@contextmanager
def faulty_network(api_url: str) -> Iterator[str]:
    """Run the proxy in front of the API; yield its address."""
    with FaultProxy(api_url) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, name="proxy", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_address[1]}"
        finally:
            proxy.shutdown()
            thread.join(10)
