"""A receiver of webhooks for these tests: a real HTTP server that answers as it is told and records what it got."""

from __future__ import annotations

import ssl
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
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Inbox]:
    """Run a receiver in threads of this process; with a context it speaks TLS."""
    inbox, lock = Inbox(), threading.Lock()

    class HookHandler(BaseHTTPRequestHandler):
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

    class HookServer(ThreadingHTTPServer):
        request_queue_size = 64

    with HookServer(("127.0.0.1", 0), HookHandler) as server:
        inbox.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield inbox
        finally:
            inbox.closing.set()
            server.shutdown()
            thread.join(10)
