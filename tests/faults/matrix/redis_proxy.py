"""A proxy in front of Redis that can cut the network of some processes, closing their connections or falling silent.

A connection belongs to the process at its other end: the proxy and its clients are on one machine.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PIECE = 65536


@dataclass(eq=False)
class Relay:
    """One client's connection: the client's port, and its two streams."""

    port: int
    client: asyncio.StreamWriter
    redis: asyncio.StreamWriter


class RedisProxy:
    """Relays TCP connections to Redis's socket, in a thread of its own."""

    def __init__(self, redis_socket: Path) -> None:
        self.port = 0
        self._socket = redis_socket
        self._relays: set[Relay] = set()
        self._closed: set[int] = set()  # pids whose connections are closed
        self._silent: set[int] = set()  # pids whose connections carry nothing
        self._whole = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="redis proxy", daemon=True)

    def start(self) -> str:
        """Start to listen; return the URL."""
        self._thread.start()
        self._started.wait(10)
        return f"redis://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def cut(self, pids: set[int], *, silent: bool) -> None:
        """Cut these processes off until `mend`: their connections are closed, or carry nothing in either direction."""
        asyncio.run_coroutine_threadsafe(self._cut(pids, silent), self._loop).result(10)

    def mend(self) -> None:
        """Let everybody through again."""
        asyncio.run_coroutine_threadsafe(self._mend(), self._loop).result(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._relay, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._whole.set()
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()

    async def _cut(self, pids: set[int], silent: bool) -> None:
        self._whole.clear()
        (self._silent if silent else self._closed).update(pids)
        ports = ports_of(self._closed)
        for relay in [relay for relay in self._relays if relay.port in ports]:
            relay.client.transport.abort()

    async def _mend(self) -> None:
        self._closed, self._silent = set(), set()
        self._whole.set()

    async def _relay(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        port = client.get_extra_info("peername")[1]
        if port in ports_of(self._closed):
            client.transport.abort()
            return
        try:
            redis_reader, redis = await asyncio.open_unix_connection(str(self._socket))
        except OSError:  # Redis is down: so is its port
            client.transport.abort()
            return
        relay = Relay(port, client, redis)
        self._relays.add(relay)
        try:
            await asyncio.gather(self._carry(relay, reader, redis), self._carry(relay, redis_reader, client))
        finally:
            self._relays.discard(relay)

    async def _carry(self, relay: Relay, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                if not self._whole.is_set() and relay.port in ports_of(self._silent):
                    await self._whole.wait()
                writer.write(piece)
                await writer.drain()
        relay.client.transport.abort()
        relay.redis.transport.abort()


def ports_of(pids: set[int]) -> set[int]:
    """Return the local ports of the TCP connections of processes."""
    ports = set()
    for pid in pids:
        with suppress(psutil.Error):
            ports |= {connection.laddr.port for connection in psutil.Process(pid).net_connections("tcp")}
    return ports
