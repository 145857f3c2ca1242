"""A receiver of webhooks for these tests: a real HTTP server that answers as it is told and records what it got."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class ReceivedHook:
    """One request: its path, headers and body."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Inbox:
    """What a receiver got; `statuses` are its next answers, then it answers 204. None is never answered."""

    url: str = ""
    statuses: list[int | None] = field(default_factory=list)
    received: list[ReceivedHook] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def ids(self) -> list[str]:
        return [hook.headers["webhook-id"] for hook in self.received]


@contextmanager
def receiving(port: int = 0) -> Iterator[Inbox]:
    """Run a receiver in threads of this process."""
    inbox, lock = Inbox(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers: Message = self.headers
            body = self.rfile.read(int(headers["Content-Length"]))
            with lock:
                lower = {name.lower(): value for name, value in headers.items()}
                inbox.received.append(ReceivedHook(self.path, lower, body))
                status = inbox.statuses.pop(0) if inbox.statuses else 204
            if status is None:
                inbox.closing.wait(30)
                return
            self.send_response(status)
            self.send_header("Location", f"{inbox.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        inbox.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield inbox
        finally:
            inbox.closing.set()
            server.shutdown()
            thread.join(10)
