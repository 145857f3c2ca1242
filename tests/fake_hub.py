"""A hub on loopback: one repository's listing and files over HTTP, with ranges, and everything that goes wrong.

As on the real hub, a weight's digest is the SHA-256 of its content and a small file's that of a git blob.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/small-model"
PIECE = 64 * 1024
MODEL = {
    "config.json": b'{"model_type": "llama"}',
    "tokenizer.json": b'{"version": "1.0"}',
    "tokenizer_config.json": b"{}",
    "model-00001-of-00002.safetensors": bytes(range(256)) * 4096,
    "model-00002-of-00002.safetensors": bytes(range(255, -1, -1)) * 4096,
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    ).encode(),
}
UNWANTED = {
    "pytorch_model.bin": b"pickle" * 1000,
    "consolidated.safetensors": b"twice" * 1000,
    "original/consolidated.00.pth": b"pickle" * 1000,
    "original/params.json": b"{}",
    "README.md": b"# Model",
}


@dataclass
class FakeHub:
    """What the hub has, what it was asked for, and how it misbehaves."""

    files: dict[str, bytes] = field(default_factory=lambda: {**MODEL, **UNWANTED})
    claimed_size: int | None = None  # of every weight, instead of its own
    refusal: tuple[int, str] | None = None  # status and error code of every file
    unknown: bool = False
    broken_after: int | None = None  # bytes of a response before the connection is cut
    stalled_after: int | None = None  # bytes of a response before nothing comes any more
    pause: float = 0.0  # seconds after each piece
    failures: int = 0  # answers of 503 still to come
    knows_ranges: bool = True
    damage: bool = False  # in every weight
    portal: bytes = b""  # what a proxy's page of its own answers instead of the listing
    short_by: int = 0  # bytes that every file lacks at its end, though the answer is complete
    long_by: int = 0  # bytes that follow every file
    requests: list[tuple[str, str]] = field(default_factory=list)  # path and range of each file's request
    hosts: set[str] = field(default_factory=set)
    sent: int = 0
    released: threading.Event = field(default_factory=threading.Event)  # ends every stall

    def listing(self) -> dict[str, Any]:
        """Return the repository's record with its files."""
        return {"id": NAME, "sha": COMMIT, "siblings": [self.entry(name, raw) for name, raw in self.files.items()]}

    def entry(self, name: str, raw: bytes) -> dict[str, Any]:
        """Return the record of one file."""
        git = hashlib.sha1(b"blob %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
        entry: dict[str, Any] = {"rfilename": name, "size": len(raw), "blobId": git}
        if name.endswith((".safetensors", ".bin", ".pth")):
            entry["size"] = self.claimed_size or len(raw)
            entry["lfs"] = {"size": entry["size"], "sha256": hashlib.sha256(raw).hexdigest(), "pointerSize": 130}
        return entry

    def ranges(self, name: str) -> list[str]:
        """Return the ranges that a file was asked for."""
        return [wanted for path, wanted in self.requests if path.endswith(f"/{name}")]


class Handler(BaseHTTPRequestHandler):
    """Answers for the hub of the server; a proxy's absolute addresses are understood, too."""

    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        """Send the listing or a file."""
        hub, path = self.hub, urlsplit(self.path).path
        hub.hosts.add(urlsplit(self.path).hostname or "")
        if hub.failures:
            hub.failures -= 1
            self.refuse(503, "")
        elif path.startswith("/api/models/"):
            if hub.portal:
                self.answer(200, hub.portal)
            elif hub.unknown:
                self.refuse(401, "RepoNotFound")
            else:
                self.answer(200, json.dumps(hub.listing()).encode())
        elif path.startswith("/api/"):  # the client asks for news of its own
            self.refuse(404, "")
        else:
            self.send_file(path)

    def send_file(self, path: str) -> None:
        """Send a file or the rest of it."""
        hub = self.hub
        wanted = self.headers.get("Range", "")
        hub.requests.append((path, wanted))
        if hub.refusal:
            self.refuse(*hub.refusal)
            return
        raw = hub.files[path.split(f"/resolve/{COMMIT}/")[1]]
        if hub.damage and path.endswith(".safetensors"):
            raw = raw[:-1] + b"!"
        raw = raw[: len(raw) - hub.short_by] + b"+" * hub.long_by
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and hub.knows_ranges else 0
        self.answer(206 if start else 200, raw[start:])

    def refuse(self, status: int, code: str) -> None:
        """Send an error as the hub words it."""
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def answer(self, status: int, body: bytes) -> None:
        """Send a body in pieces, and misbehave as told."""
        hub = self.hub
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            for start in range(0, len(body), PIECE):
                if hub.broken_after is not None and start >= hub.broken_after:
                    self.close_connection = True
                    return
                if hub.stalled_after is not None and start >= hub.stalled_after:
                    hub.released.wait(60)
                    self.close_connection = True
                    return
                self.wfile.write(body[start : start + PIECE])
                self.wfile.flush()
                hub.sent += len(body[start : start + PIECE])
                hub.released.wait(hub.pause)
        except OSError:  # the client has gone
            self.close_connection = True


@contextmanager
def serving_hub(hub: FakeHub) -> Iterator[str]:
    """Serve a hub on a free port of loopback; yields its address."""
    handler = type("BoundHandler", (Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            hub.released.set()
            server.shutdown()
            thread.join(10)
