"""Clients for bench/load.py: bare HTTP over asyncio streams, because a real client costs more than what it measures."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

READ_LIMIT = 1 << 22  # bytes of one line


@dataclass
class HttpClient:
    """A client with one connection that it keeps."""

    host: str
    port: int
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> bytes:
        """Return the body of a response with status 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, limit=READ_LIMIT)
        reader, writer = self._streams
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"GET {path}: {head.decode()}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await reader.readexactly(int(length.partition(b":")[2]))

    def close(self) -> None:
        """Close the connection."""
        if self._streams:
            self._streams[1].close()


async def time_reads(
    host: str, port: int, choose_path: Callable[[], str], *, clients: int, seconds: float, pause: float
) -> list[float]:
    """Return the seconds that each read took; every client reads, waits `pause` seconds, and reads again."""
    deadline, times = time.monotonic() + seconds, list[float]()

    async def read_until_deadline(place: int) -> None:
        client = HttpClient(host, port)
        await asyncio.sleep(pause * place / clients)
        while time.monotonic() < deadline:
            path, started = choose_path(), time.perf_counter()
            await client.get(path)
            times.append(time.perf_counter() - started)
            await asyncio.sleep(pause)
        client.close()

    await asyncio.gather(*(read_until_deadline(place) for place in range(clients)))
    return times


@dataclass
class Follower:
    """A client that follows a job's events, and what it has received."""

    host: str
    port: int
    job_id: str
    ids: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    async def follow(self) -> None:
        """Follow until the stream ends."""
        reader, writer = await asyncio.open_connection(self.host, self.port, limit=READ_LIMIT)
        path = f"/v1/fine_tuning/jobs/{self.job_id}/events?stream=true"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode())
        while line := await reader.readline():
            self._receive(line.rstrip())
        writer.close()

    def _receive(self, line: bytes) -> None:
        if line == b"event: done":
            self.ended = True
        elif line.startswith(b"id: "):
            self.ids.append(line[4:].decode())
            self.begun.set()
        elif line.startswith(b"data: {") and (sent := sent_time(json.loads(line[6:]))):
            self.delays.append(time.time() - sent)


def sent_time(event: dict[str, Any]) -> float | None:
    """Return when the benchmark appended an event; None for one of another origin."""
    return (event.get("data") or {}).get("sent_at")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
